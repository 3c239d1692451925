// What the store's operations cost on an account with a million messages, in a store with
// a hundred thousand accounts, next to the same on a small account in a small store:
//
//   scale_bench [--directory DIR] [--messages N] [--accounts N] [--rounds N]
//              [--listings N] [--json]
//
// Both stores are on RocksDB, on the same disk and in one process, and all rows have been
// listed once before. Each round does each operation once on either, so that what disturbs
// the machine disturbs both. The medians and their ratio are printed, and how many rows a
// second a listing of all messages gives. Not a test.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/rocks_engine.h"
#include "storage-service/store/store.h"

namespace restante::store {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kAccount[] = "measured@example.org";
constexpr char kPassword[] = "secret";
// The small account has so many; a fetch of 100 rows has to find them.
constexpr uint32_t kFewMessages = 200;
constexpr uint32_t kFetchedRows = 100;
constexpr uint32_t kAppendedAtOnce = 1000;

template <typename T>
T Must(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::cerr << "scale_bench: " << result.status() << "\n";
  std::exit(1);
}
void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "scale_bench: " << status << "\n";
  std::exit(1);
}

std::string MessageNumber(uint64_t number) {
  return absl::StrCat("From: a@example.org\r\nSubject: message ", number, "\r\nMessage-ID: <",
                      number, "@example.org>\r\n\r\n", std::string(200, 'x'), "\r\n");
}

class Measured {
 public:
  Measured(const std::string& directory, uint64_t messages, uint64_t accounts)
      : messages_(messages), accounts_(accounts) {
    StoreOptions options;
    options.reclaim_interval = absl::InfiniteDuration();
    store_ = Must(Store::Open(Must(engine::RocksEngine::Open(directory)), options));
    Must(SyncWait(store_->accounts().Create({kAccount, Password{kPassword}, 0})));
    Fill();
    for (uint64_t at = 0; at < accounts; at += 10'000) {
      std::vector<NewAccount> some;
      for (uint64_t i = at; i < std::min(accounts, at + 10'000); ++i) {
        some.push_back({Other(i), CryptHash{"$1$restante$cBF0Bxl1mRZ4eQYkjJlgI1"}, 0});
      }
      const ImportReport report = Must(SyncWait(store_->accounts().Import(std::move(some))));
      if (!report.problems.empty()) Must(absl::InternalError(report.problems[0].message));
    }
  }

  void Deliver() { DeliverTo(kAccount); }
  void DeliverToAny() { DeliverTo(Other(random_() % accounts_)); }
  void Status() { Must(SyncWait(store_->mailboxes().Get(kAccount, ""))); }
  void LogIn() {
    const OpenedMaildrop session = Must(
        SyncWait(store_->maildrops().Login(kUnaryLease, {kAccount, kPassword, {}}, {}, 0, {})));
    Must(SyncWait(store_->maildrops().Close(session.session_token, {})));
  }
  void ChangeFlags() {
    const uint32_t uid = 1 + random_() % messages_;
    const bool add = random_() % 2 == 0;
    Must(SyncWait(store_->mailboxes().StoreFlags(
        kAccount, "", {{uid, uid}},
        {add ? FlagChange::Mode::kAdd : FlagChange::Mode::kReplace,
         {absl::StrCat("k", random_() % 8)},
         {}},
        0)));
  }
  void FetchRows() {
    const uint32_t after = random_() % (messages_ - kFetchedRows);
    const RowPage page =
        Must(SyncWait(store_->mailboxes().ListMessages(kAccount, "", after, kFetchedRows)));
    if (page.rows.size() != kFetchedRows) Must(absl::InternalError("rows are missing"));
  }

  // Rows a second of a listing of everything.
  double ListAll() {
    const SteadyClock::time_point begin = SteadyClock::now();
    uint64_t rows = 0;
    for (uint32_t after = 0;;) {
      const RowPage page =
          Must(SyncWait(store_->mailboxes().ListMessages(kAccount, "", after, 4096)));
      rows += page.rows.size();
      if (page.end) break;
      after = page.rows.back().uid;
    }
    return rows / std::chrono::duration<double>(SteadyClock::now() - begin).count();
  }
  // The same for POP3's UIDL.
  double ListMaildrop() {
    const OpenedMaildrop session = Must(
        SyncWait(store_->maildrops().Login(kUnaryLease, {kAccount, kPassword, {}}, {}, 0, {})));
    const SteadyClock::time_point begin = SteadyClock::now();
    uint64_t rows = 0;
    for (uint32_t after = 0;;) {
      const MaildropRowPage page =
          Must(SyncWait(store_->maildrops().Rows(session.session_token, after, 4096)));
      rows += page.rows.size();
      if (page.end) break;
      after = page.rows.back().uid;
    }
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
    Must(SyncWait(store_->maildrops().Close(session.session_token, {})));
    return rows / seconds;
  }

 private:
  static std::string Other(uint64_t number) {
    return absl::StrCat("user", number, "@example.org");
  }

  void Fill() {
    for (uint64_t at = 0; at < messages_; at += kAppendedAtOnce) {
      auto appending = Must(SyncWait(store_->mailboxes().Append(kAccount, "")));
      for (uint64_t i = at; i < std::min(messages_, at + kAppendedAtOnce); ++i) {
        const std::string message = MessageNumber(i);
        Must(SyncWait(appending->Begin({}, false, message.size())));
        Must(SyncWait(appending->Add(message)));
        Must(SyncWait(appending->End()));
      }
      Must(SyncWait(appending->Finish()));
    }
  }

  void DeliverTo(const std::string& address) {
    Envelope envelope;
    envelope.recipients = {address};
    auto delivery = Must(SyncWait(store_->deliveries().Begin(std::move(envelope))));
    Must(SyncWait(delivery->Append(MessageNumber(0))));
    for (const RecipientResult& result : SyncWait(delivery->Finish())) Must(result.status);
  }

  const uint64_t messages_;
  const uint64_t accounts_;
  std::mt19937_64 random_{1};
  std::unique_ptr<Store> store_;
};

double Microseconds(const std::function<void()>& work) {
  const SteadyClock::time_point begin = SteadyClock::now();
  work();
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - begin).count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

struct Operation {
  const char* name;
  void (Measured::*run)();
};
constexpr Operation kOperations[] = {
    {"deliver", &Measured::Deliver},
    {"deliver to any account", &Measured::DeliverToAny},
    {"status", &Measured::Status},
    {"POP3 login with STAT", &Measured::LogIn},
    {"change flags", &Measured::ChangeFlags},
    {"fetch 100 rows", &Measured::FetchRows},
};

int Main(int argc, char** argv) {
  CLI::App app("What operations cost on a large account in a large store.");
  std::string parent = std::filesystem::temp_directory_path();
  uint64_t messages = 1'000'000;
  uint64_t accounts = 100'000;
  int rounds = 301;
  int listings = 5;
  bool json = false;
  app.add_option("--directory", parent, "where the stores are made, on a disk");
  app.add_option("--messages", messages, "in the large account")->check(CLI::PositiveNumber);
  app.add_option("--accounts", accounts, "in the large store")->check(CLI::PositiveNumber);
  app.add_option("--rounds", rounds, "of each operation")->check(CLI::PositiveNumber);
  app.add_option("--listings", listings, "of everything")->check(CLI::PositiveNumber);
  app.add_flag("--json", json, "figures for programs");
  CLI11_PARSE(app, argc, argv);
  messages = std::max<uint64_t>(messages, kFewMessages);

  std::string directory = absl::StrCat(parent, "/restante-scale-XXXXXX");
  if (mkdtemp(directory.data()) == nullptr) {
    std::perror(directory.c_str());
    return 1;
  }
  nlohmann::ordered_json figures;
  {
    Measured small(directory + "/small", kFewMessages, 1);
    Measured large(directory + "/large", messages, accounts);
    // Block caches as a service that has run for a while has them.
    small.ListAll();
    large.ListAll();
    for (const Operation& operation : kOperations) {
      std::vector<double> of_small;
      std::vector<double> of_large;
      for (int round = 0; round < rounds; ++round) {
        of_small.push_back(Microseconds([&] { (small.*operation.run)(); }));
        of_large.push_back(Microseconds([&] { (large.*operation.run)(); }));
      }
      const double ratio = Median(of_large) / Median(of_small);
      figures[operation.name] = {
          {"small_us", Median(of_small)}, {"large_us", Median(of_large)}, {"ratio", ratio}};
      if (!json) {
        std::printf("%-24s %8.0f us on a small account, %8.0f us on the large one, x %.2f\n",
                    operation.name, Median(of_small), Median(of_large), ratio);
      }
    }
    std::vector<double> all;
    std::vector<double> maildrop;
    for (int pass = 0; pass < listings; ++pass) {
      all.push_back(large.ListAll());
      maildrop.push_back(large.ListMaildrop());
    }
    figures["rows_per_second"] = Median(std::move(all));
    figures["maildrop_rows_per_second"] = Median(std::move(maildrop));
    if (!json) {
      std::printf("list all rows            %8.0f rows/s\n",
                  figures["rows_per_second"].get<double>());
      std::printf("list a maildrop          %8.0f rows/s\n",
                  figures["maildrop_rows_per_second"].get<double>());
    }
  }
  if (json) std::cout << figures.dump(2) << "\n";
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace restante::store

int main(int argc, char** argv) { return restante::store::Main(argc, argv); }
