// Directories of other servers, and what a source gives out of them.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage-service/ctl/transfer/mail_source.h"

namespace restante::ctl {

// Keeps what it is given.
struct KeptMessages : MessageSink {
  struct Kept {
    SourceMessage message;
    std::string octets;
  };
  absl::Status Begin(SourceMessage message) override {
    kept.push_back({std::move(message), ""});
    return absl::OkStatus();
  }
  absl::Status Data(std::string octets) override {
    kept.back().octets += octets;
    return absl::OkStatus();
  }
  absl::Status End() override { return absl::OkStatus(); }
  absl::Status Abandon(const absl::Status& why) override {
    unreadable.push_back(absl::StrCat(kept.back().message.id, ": ", why.message()));
    kept.pop_back();
    return absl::OkStatus();
  }
  void Unreadable(const SourceMessage& message, const absl::Status& why) override {
    unreadable.push_back(absl::StrCat(message.id, ": ", why.message()));
  }
  void Gone(const SourceMessage& message) override { gone.push_back(message.id); }

  std::vector<Kept> kept;
  std::vector<std::string> unreadable;
  std::vector<std::string> gone;
};

class SourceTest : public testing::Test {
 protected:
  SourceTest()
      : root_(std::filesystem::temp_directory_path() /
              absl::StrCat("restante-mail-", getpid())) {
    std::filesystem::create_directories(root_);
  }
  ~SourceTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& name, const std::string& text, int64_t time = 1'000'000'000) {
    std::ofstream(root_ / name) << text;
    const timespec times[2] = {{time, 0}, {time, 0}};
    utimensat(AT_FDCWD, (root_ / name).c_str(), times, 0);
  }
  void MakeMaildir(const std::string& name) {
    for (const char* part : {"cur", "new", "tmp"}) {
      std::filesystem::create_directories(root_ / name / part);
    }
  }
  std::string path() const { return root_.string(); }

  // The first of its mailboxes, which has this name.
  static SourceMailbox Mailbox(MailSource& source, const std::string& name = "INBOX") {
    const auto mailboxes = source.Mailboxes();
    EXPECT_TRUE(mailboxes.ok()) << mailboxes.status();
    for (const SourceMailbox& mailbox : mailboxes.value_or(std::vector<SourceMailbox>())) {
      if (mailbox.name == name) return mailbox;
    }
    ADD_FAILURE() << "no mailbox " << name;
    return {};
  }
  static std::vector<SourceMessage> List(MailSource& source,
                                         const std::string& name = "INBOX") {
    SourceMailbox mailbox = Mailbox(source, name);
    auto messages = source.Messages(&mailbox);
    EXPECT_TRUE(messages.ok()) << messages.status();
    return messages.value_or(std::vector<SourceMessage>());
  }
  static std::vector<std::string> Ids(const std::vector<SourceMessage>& messages) {
    std::vector<std::string> ids;
    for (const SourceMessage& message : messages) ids.push_back(message.id);
    return ids;
  }
  static std::vector<std::string> Uidls(const std::vector<SourceMessage>& messages) {
    std::vector<std::string> uidls;
    for (const SourceMessage& message : messages) uidls.push_back(message.uidl);
    return uidls;
  }

  const std::filesystem::path root_;
};

}  // namespace restante::ctl
