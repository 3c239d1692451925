#include "plugins/postfix/directory.h"

#include <unistr.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_call.h"
#include "common/log.h"

namespace restante::postfix {
namespace {

// No account's address is longer, and an MTA's client could fill the cache with these.
constexpr size_t kMaxAddressOctets = 1000;

std::string ReplyText(const ClientReply& reply) {
  return absl::StrCat(reply.lmtp_code, " ", reply.lmtp_enhanced, " ", reply.lmtp_text);
}

Answer Missing() {
  const absl::Status status = MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, "");
  return {Answer::Kind::kMissing, nullptr, ReplyText(ReplyFor(status))};
}

// Addresses that can't exist; "@domain" is what Postfix asks for after an address that
// doesn't, and catch-alls were looked at then.
bool CannotExist(const std::string& address) {
  return address.empty() || address.size() > kMaxAddressOctets || address.front() == '@' ||
         u8_check(reinterpret_cast<const uint8_t*>(address.data()), address.size()) != nullptr;
}

}  // namespace

asio::awaitable<Answer> Directory::Find(asio::any_io_executor executor, std::string address) {
  // Whatever their case they are one to the store.
  absl::AsciiStrToLower(&address);
  if (CannotExist(address)) co_return Missing();
  const std::optional<RecipientCache::Known> known =
      cache_.Find(address, 0, RecipientCache::Clock::now());
  if (known.has_value()) {
    if (!known->recipient->exists) co_return Missing();
    co_return Answer{Answer::Kind::kExists, known->recipient, ""};
  }
  Answer answer = co_await Ask(std::move(executor), std::move(address), 0);
  if (answer.kind == Answer::Kind::kFull) answer.kind = Answer::Kind::kExists;
  co_return answer;
}

asio::awaitable<Answer> Directory::FindRoom(asio::any_io_executor executor, std::string address,
                                            uint64_t octets) {
  absl::AsciiStrToLower(&address);
  if (CannotExist(address)) co_return Missing();
  const std::optional<RecipientCache::Known> known =
      cache_.Find(address, octets, RecipientCache::Clock::now());
  if (known.has_value()) {
    if (!known->recipient->exists) co_return Missing();
    if (known->room != RecipientCache::Room::kUnknown) {
      const bool fits = known->room == RecipientCache::Room::kFits;
      co_return Answer{fits ? Answer::Kind::kExists : Answer::Kind::kFull, known->recipient,
                       ""};
    }
  }
  Answer answer = co_await Ask(std::move(executor), std::move(address), octets);
  co_return answer;
}

void Directory::Forget(const std::vector<std::string>& addresses) {
  ++changes_;
  cache_.Forget(addresses);
}

void Directory::ForgetEverything() {
  ++changes_;
  cache_.ForgetEverything();
}

asio::awaitable<Answer> Directory::Ask(asio::any_io_executor executor, std::string address,
                                       uint64_t octets) {
  v1::LookupRecipientsRequest request;
  request.add_recipients(address);
  request.set_declared_octets(octets);
  const auto start = [this](auto... call) { storage_.async()->LookupRecipients(call...); };
  const uint64_t changes = changes_;
  const absl::StatusOr<v1::LookupRecipientsResponse> response =
      co_await CallUnary<v1::LookupRecipientsResponse>(std::move(executor), storage_timeout_,
                                                       std::move(request), start);
  if (response.ok() && response->lookups_size() == 1) {
    co_return Learn(address, octets, response->lookups(0), changes == changes_);
  }
  LogWarning("mta-lookup", "Can't ask the storage service", {{"error", response.status()}});
  co_return Answer{Answer::Kind::kFailure, nullptr, ReplyText(ReplyFor(response.status()))};
}

Answer Directory::Learn(const std::string& address, uint64_t octets,
                        const v1::RecipientLookup& lookup, bool remember) {
  const v1::ErrorReason reason = ReasonOf(FromRpcStatus(lookup.status()));
  auto recipient = std::make_shared<Recipient>();
  if (reason == v1::ERROR_REASON_NO_SUCH_ACCOUNT || reason == v1::ERROR_REASON_BAD_ADDRESS) {
    if (remember) {
      cache_.Put(address, std::move(recipient), octets, false, RecipientCache::Clock::now());
    }
    return Missing();
  }
  const bool fits = lookup.status().code() == 0;
  if (fits || reason == v1::ERROR_REASON_OVER_QUOTA) {
    recipient->exists = true;
    recipient->alias = lookup.alias();
    for (const v1::RecipientAccount& account : lookup.accounts()) {
      recipient->accounts.push_back(account.address());
    }
    if (remember) cache_.Put(address, recipient, octets, fits, RecipientCache::Clock::now());
    return {fits ? Answer::Kind::kExists : Answer::Kind::kFull, std::move(recipient), ""};
  }
  const bool lasting = lookup.reply_code() / 100 == 5;
  return {lasting ? Answer::Kind::kRejected : Answer::Kind::kFailure, nullptr,
          absl::StrCat(lookup.reply_code(), " ", lookup.enhanced_status_code(), " ",
                       lookup.reply_text())};
}

}  // namespace restante::postfix
