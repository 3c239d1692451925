#include "storage-service/store/recipient_changes.h"

#include <string>
#include <utility>

#include "storage-service/store/news_box.h"

namespace restante::store {
namespace {

void AddTo(RecipientNews& news, absl::string_view address) {
  if (news.everything) return;
  if (!address.empty() && news.addresses.size() < RecipientChanges::kMostAddresses) {
    news.addresses.emplace(address);
    return;
  }
  news.everything = true;
  news.addresses.clear();
}

}  // namespace

class RecipientChanges::Listener {
 public:
  explicit Listener(RecipientChanges* changes) : changes_(changes) { Hear({}); }
  ~Listener() {
    absl::MutexLock lock(&changes_->mutex_);
    std::erase_if(changes_->all_, [](const auto& listener) { return listener.expired(); });
    changes_->listeners_.fetch_sub(1, std::memory_order_release);
  }

  void Hear(absl::string_view address) {
    news_.Add([address](RecipientNews& news) { AddTo(news, address); });
  }
  NewsBox<RecipientNews>& news() { return news_; }

 private:
  RecipientChanges* const changes_;
  NewsBox<RecipientNews> news_;
};

std::unique_ptr<RecipientWatch> RecipientChanges::Listen() {
  class Watch final : public RecipientWatch {
   public:
    explicit Watch(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
    Task<absl::StatusOr<RecipientNews>> Next() override { return listener_->news().Next(); }
    void Stop() override { listener_->news().Stop(); }

   private:
    const std::shared_ptr<Listener> listener_;
  };

  auto listener = std::make_shared<Listener>(this);
  {
    absl::MutexLock lock(&mutex_);
    all_.push_back(listener);
    listeners_.fetch_add(1, std::memory_order_release);
  }
  return std::make_unique<Watch>(std::move(listener));
}

void RecipientChanges::Tell(absl::string_view address) {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    absl::MutexLock lock(&mutex_);
    for (const std::weak_ptr<Listener>& listener : all_) {
      if (std::shared_ptr<Listener> alive = listener.lock()) {
        listeners.push_back(std::move(alive));
      }
    }
  }
  for (const std::shared_ptr<Listener>& listener : listeners) listener->Hear(address);
}

}  // namespace restante::store
