#include "storage-service/ctl/transfer/mbox_source.h"

#include <openssl/evp.h>

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

// SHA-256.
class Digest {
 public:
  Digest() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void Add(absl::string_view octets) {
    EVP_DigestUpdate(context_.get(), octets.data(), octets.size());
  }
  std::string Get() {
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned int octets = 0;
    EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()),
                       &octets);
    digest.resize(octets);
    return digest;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  const std::unique_ptr<EVP_MD_CTX, Free> context_{EVP_MD_CTX_new()};
};

class MboxSource : public MailSource {
 public:
  MboxSource(std::string path, std::string mailbox, MboxReader reader)
      : path_(std::move(path)), mailbox_(std::move(mailbox)), reader_(std::move(reader)) {}

  std::string kind() const override { return "mbox"; }
  absl::StatusOr<std::vector<SourceMailbox>> Mailboxes() override;
  absl::StatusOr<std::vector<SourceMessage>> Messages(SourceMailbox* /*mailbox*/) override {
    return messages_;
  }
  absl::Status Fetch(const SourceMailbox& mailbox, std::vector<SourceMessage> wanted,
                     MessageSink* sink) override;

 private:
  struct Place {
    uint64_t offset = 0;
    std::string from_line;
  };

  const std::string path_;
  const std::string mailbox_;
  MboxReader reader_;
  std::vector<SourceMessage> messages_;
  absl::flat_hash_map<std::string, Place> places_;  // by id
};

absl::StatusOr<std::vector<SourceMailbox>> MboxSource::Mailboxes() {
  SourceMailbox mailbox;
  mailbox.name = mailbox_;
  mailbox.place = path_;
  uint32_t last_uid = 0;
  while (true) {
    // The id is made of what doesn't change with the flags. Messages that are equal in all
    // of it are counted: each of them is one.
    Digest digest;
    absl::StatusOr<std::optional<MboxMessage>> next =
        reader_.Next([&digest](absl::string_view octets) {
          digest.Add(octets);
          return absl::OkStatus();
        });
    if (!next.ok()) return next.status();
    if (!next->has_value()) break;
    MboxMessage& found = **next;
    if (mailbox.uidvalidity == 0 && found.status.uidvalidity != 0) {
      mailbox.uidvalidity = found.status.uidvalidity;
      mailbox.uid_next = found.status.last_uid + 1;
    }
    if (found.internal) continue;
    digest.Add(found.from_line);
    SourceMessage message;
    message.name =
        absl::StrCat(path_, ", message ", messages_.size() + 1, " (offset ", found.offset, ")");
    const std::string base = absl::BytesToHexString(digest.Get().substr(0, 16));
    message.id = base;
    const Place place{found.offset, std::move(found.from_line)};
    for (int copy = 2; !places_.emplace(message.id, place).second; ++copy) {
      message.id = absl::StrCat(base, " ", copy);
    }
    message.received = found.received;
    message.flags = std::move(found.status.flags);
    // UIDs that don't ascend are none.
    if (found.status.uid > last_uid) message.uid = last_uid = found.status.uid;
    message.octets = found.octets;
    messages_.push_back(std::move(message));
  }
  mailbox.messages = messages_.size();
  return std::vector<SourceMailbox>{std::move(mailbox)};
}

absl::Status MboxSource::Fetch(const SourceMailbox& /*mailbox*/,
                               std::vector<SourceMessage> wanted, MessageSink* sink) {
  for (SourceMessage& message : wanted) {
    const Place& place = places_.at(message.id);
    absl::Status status = reader_.Seek(place.offset);
    if (!status.ok()) return status;
    status = sink->Begin(message);
    if (!status.ok()) return status;
    std::string piece;
    constexpr size_t kPiece = size_t{64} << 10;
    const absl::StatusOr<std::optional<MboxMessage>> read =
        reader_.Next([&](absl::string_view octets) {
          piece.append(octets.data(), octets.size());
          return piece.size() < kPiece ? absl::OkStatus()
                                       : sink->Data(std::exchange(piece, std::string()));
        });
    if (!read.ok()) return read.status();
    if ((*read)->from_line != place.from_line || (*read)->octets != message.octets) {
      status = sink->Abandon(RefusedError("it has changed while the mbox was read"));
      if (!status.ok()) return status;
      continue;
    }
    if (!piece.empty()) status = sink->Data(std::move(piece));
    if (status.ok()) status = sink->End();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MailSource>> OpenMbox(const std::string& path,
                                                     const std::string& mailbox,
                                                     MboxOptions options) {
  absl::StatusOr<MboxReader> reader = MboxReader::Open(path, options);
  if (!reader.ok()) return reader.status();
  return std::make_unique<MboxSource>(path, mailbox, *std::move(reader));
}

}  // namespace restante::ctl
