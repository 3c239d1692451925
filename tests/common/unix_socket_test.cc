#include "common/unix_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace restante {
namespace {

class UnixSocketFileTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/restante-socket-XXXXXX";
    directory_ = mkdtemp(pattern);
    path_ = directory_ + "/test.sock";
    fd_ = NewSocket();
  }
  void TearDown() override {
    close(fd_);
    std::filesystem::remove_all(directory_);
  }

  static int NewSocket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

  std::string directory_;
  std::string path_;
  int fd_ = -1;
};

TEST_F(UnixSocketFileTest, HasTheModeThatWasAskedFor) {
  const auto file = UnixSocketFile::Bind(fd_, path_, 0620);
  ASSERT_TRUE(file.ok()) << file.status();
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0620u);
}

TEST_F(UnixSocketFileTest, IsRemovedAtTheEnd) {
  {
    const auto file = UnixSocketFile::Bind(fd_, path_, 0600);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(std::filesystem::exists(path_));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketFileTest, ReplacesASocketThatNobodyListensOn) {
  {
    const int dead = NewSocket();
    auto file = UnixSocketFile::Bind(dead, path_, 0600);
    ASSERT_TRUE(file.ok()) << file.status();
    listen(dead, 1);
    close(dead);
    // As if the process had been killed.
    ASSERT_EQ(link(path_.c_str(), (directory_ + "/kept").c_str()), 0);
  }
  std::filesystem::rename(directory_ + "/kept", path_);
  const auto file = UnixSocketFile::Bind(fd_, path_, 0600);
  EXPECT_TRUE(file.ok()) << file.status();
}

TEST_F(UnixSocketFileTest, LeavesASocketAloneThatSomebodyListensOn) {
  const auto file = UnixSocketFile::Bind(fd_, path_, 0600);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(listen(fd_, 1), 0);
  const int other = NewSocket();
  const auto second = UnixSocketFile::Bind(other, path_, 0600);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(second.status().message().find(path_), absl::string_view::npos);
  close(other);
}

TEST_F(UnixSocketFileTest, LeavesAFileAloneThatIsNoSocket) {
  std::ofstream(path_) << "precious";
  const auto file = UnixSocketFile::Bind(fd_, path_, 0600);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(UnixSocketFileTest, LeavesASuccessorAlone) {
  auto file = UnixSocketFile::Bind(fd_, path_, 0600);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(unlink(path_.c_str()), 0);
  std::ofstream(path_) << "another's";
  file->reset();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketFileTest, NamesThePathThatCannotBeBound) {
  const auto file = UnixSocketFile::Bind(fd_, directory_ + "/none/test.sock", 0600);
  ASSERT_FALSE(file.ok());
  EXPECT_NE(file.status().message().find("/none/test.sock"), absl::string_view::npos);
}

}  // namespace
}  // namespace restante
