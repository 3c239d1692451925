// One unary call of the storage service, for a coroutine: the answer comes back on the
// coroutine's executor, whichever thread of gRPC's brought it.
//
//   const auto answer = co_await CallUnary<v1::GetAccountResponse>(
//       executor, timeout, std::move(request), [&](auto... call) {
//         stub.async()->GetAccount(call...);
//       });
#pragma once

#include <grpcpp/client_context.h>

#include <chrono>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "asio/any_io_executor.hpp"
#include "asio/async_result.hpp"
#include "asio/awaitable.hpp"
#include "asio/post.hpp"
#include "asio/use_awaitable.hpp"
#include "common/grpc_status.h"

namespace restante {

// `start` hands context, request, response and callback to a method of the stub. Errors
// are the call's; UNAVAILABLE or DEADLINE_EXCEEDED if there was no answer `within` that
// time. The executor has to run until the call is over.
template <typename Response, typename Request, typename Start>
asio::awaitable<absl::StatusOr<Response>> CallUnary(asio::any_io_executor executor,
                                                    std::chrono::milliseconds within,
                                                    Request request, Start start) {
  struct Call {
    grpc::ClientContext context;
    Request request;
    Response response;
    absl::AnyInvocable<void(grpc::Status) &&> resume;
  };
  const auto call = std::make_shared<Call>();
  call->request = std::move(request);
  call->context.set_deadline(std::chrono::system_clock::now() + within);
  const grpc::Status status =
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void(grpc::Status)>(
          [&](auto handler) {
            call->resume = std::move(handler);
            start(&call->context, &call->request, &call->response,
                  [call, executor](grpc::Status result) {
                    asio::post(executor, [call, result = std::move(result)]() mutable {
                      std::move(call->resume)(std::move(result));
                    });
                  });
          },
          asio::use_awaitable);
  if (!status.ok()) co_return FromGrpcStatus(status);
  co_return std::move(call->response);
}

}  // namespace restante
