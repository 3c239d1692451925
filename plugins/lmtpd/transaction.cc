#include "plugins/lmtpd/transaction.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log.h"

namespace restante::lmtp {
namespace {

constexpr absl::string_view kComponent = "lmtp";

constexpr size_t kNamedInLine = 50;
// Of refused recipients no more are named: a flood of them is only counted.
constexpr size_t kNamedRefused = 50;

std::string Outcome(const std::string& recipient, const Reply& reply) {
  return absl::StrCat(recipient, "=", reply.code, "/",
                      absl::string_view(reply.enhanced.data(), reply.enhanced.size()));
}

}  // namespace

Transaction::Transaction(MailArguments mail, std::string request_id, std::string client,
                         RecipientSlots& slots)
    : mail_(std::move(mail)),
      request_id_(std::move(request_id)),
      client_(std::move(client)),
      slots_(slots) {}

void Transaction::Refuse(const std::string& recipient, const Reply& reply) {
  ++refused_count_;
  if (refused_.size() < kNamedRefused) refused_.push_back(Outcome(recipient, reply));
}

v1::Envelope Transaction::MakeEnvelope(v1::ClientInfo client) const {
  v1::Envelope envelope;
  envelope.set_sender(mail_.sender.text);
  envelope.mutable_recipients()->Reserve(static_cast<int>(accepted_.size()));
  for (const std::string& recipient : accepted_) *envelope.add_recipients() = recipient;
  envelope.set_smtputf8(mail_.smtputf8);
  envelope.set_declared_octets(mail_.declared_octets);
  *envelope.mutable_client() = std::move(client);
  return envelope;
}

void Transaction::LogMessageEnd(const std::vector<Reply>& replies, uint64_t octets) const {
  std::vector<std::string> outcomes;
  outcomes.reserve(accepted_.size() + refused_.size());
  for (size_t i = 0; i < accepted_.size(); ++i) {
    outcomes.push_back(Outcome(accepted_[i], replies[i]));
  }
  outcomes.insert(outcomes.end(), refused_.begin(), refused_.end());
  LogLines("Message", outcomes, {"octets", octets});
}

void Transaction::LogAborted(absl::string_view why) const {
  if (accepted_.empty() && refused_count_ == 0) return;
  LogLines("No message", refused_, {"why", why});
}

void Transaction::LogLines(absl::string_view event, const std::vector<std::string>& outcomes,
                           LogField last) const {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun_);
  size_t next = 0;
  do {
    const size_t end = std::min(next + kNamedInLine, outcomes.size());
    const std::string results =
        absl::StrJoin(outcomes.begin() + static_cast<ptrdiff_t>(next),
                      outcomes.begin() + static_cast<ptrdiff_t>(end), " ");
    LogInfo(kComponent, event,
            {{"client", client_},
             {"from", mail_.sender.text},
             {"recipients", accepted_.size()},
             {"refused", refused_count_},
             {"results", results},
             {"request", request_id_},
             {"ms", milliseconds.count()},
             last});
    next = end;
  } while (next < outcomes.size());
}

}  // namespace restante::lmtp
