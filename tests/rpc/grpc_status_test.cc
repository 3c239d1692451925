// An error keeps its code, message, reason, metadata and waiting time on the wire.
#include "common/grpc_status.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"
#include "common/errors.h"
#include "google/rpc/error_details.pb.h"

namespace restante {
namespace {

TEST(GrpcStatus, EveryReasonSurvivesTheWireInBothForms) {
  for (int number = 1; number < v1::ErrorReason_ARRAYSIZE; ++number) {
    if (!v1::ErrorReason_IsValid(number)) continue;
    const auto reason = static_cast<v1::ErrorReason>(number);
    const absl::Status status = MakeError(reason, "what happened");
    const absl::Status by_call = FromGrpcStatus(ToGrpcStatus(status));
    const absl::Status by_stream = FromRpcStatus(ToRpcStatus(status));
    EXPECT_EQ(by_call, status);
    EXPECT_EQ(by_stream, status);
    EXPECT_EQ(ReasonOf(by_call), reason);
  }
}

TEST(GrpcStatus, OkStaysOkAndCarriesNothing) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
  EXPECT_EQ(ToRpcStatus(absl::OkStatus()).ByteSizeLong(), 0u);
  EXPECT_TRUE(FromRpcStatus(google::rpc::Status()).ok());
}

TEST(GrpcStatus, OverloadedSaysWhenToTryAgain) {
  const absl::Status status = OverloadedError("queue full", absl::Milliseconds(1500));
  const absl::Status received = FromGrpcStatus(ToGrpcStatus(status));
  EXPECT_EQ(ReasonOf(received), v1::ERROR_REASON_OVERLOADED);
  ASSERT_TRUE(RetryAfterOf(received).has_value());
  EXPECT_EQ(*RetryAfterOf(received), absl::Milliseconds(1500));
}

TEST(GrpcStatus, MetadataOfAReasonTravelsAlong) {
  absl::Status status = MakeError(v1::ERROR_REASON_TOO_LARGE, "too large");
  SetErrorMetadata(status, "limit_octets", "268435456");
  const absl::Status received = FromRpcStatus(ToRpcStatus(status));
  EXPECT_EQ(ErrorMetadataOf(received).at("limit_octets"), "268435456");
}

TEST(GrpcStatus, AnErrorWithoutAReasonKeepsItsCodeAndMessage) {
  const absl::Status received =
      FromGrpcStatus(ToGrpcStatus(absl::UnavailableError("away for a moment")));
  EXPECT_EQ(received, absl::UnavailableError("away for a moment"));
  EXPECT_EQ(ReasonOf(received), v1::ERROR_REASON_UNSPECIFIED);
}

TEST(GrpcStatus, WhatTheTransportReportsHasNoReason) {
  const absl::Status received =
      FromGrpcStatus(grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection refused"));
  EXPECT_EQ(received, absl::UnavailableError("connection refused"));
}

TEST(GrpcStatus, AReasonOfANewerServiceLeavesTheCode) {
  google::rpc::ErrorInfo info;
  info.set_domain("restante");
  info.set_reason("INVENTED_LATER");
  google::rpc::Status wire;
  wire.set_code(static_cast<int>(absl::StatusCode::kFailedPrecondition));
  wire.set_message("not now");
  wire.add_details()->PackFrom(info);
  EXPECT_EQ(FromRpcStatus(wire), absl::FailedPreconditionError("not now"));
}

TEST(GrpcStatus, AReasonOfAnotherDomainIsNotOurs) {
  google::rpc::ErrorInfo info;
  info.set_domain("example.org");
  info.set_reason("IN_USE");
  google::rpc::Status wire;
  wire.set_code(static_cast<int>(absl::StatusCode::kInternal));
  wire.add_details()->PackFrom(info);
  EXPECT_EQ(ReasonOf(FromRpcStatus(wire)), v1::ERROR_REASON_UNSPECIFIED);
}

TEST(GrpcStatus, OctetsThatAreNotUtf8AreReplaced) {
  const absl::Status received = FromGrpcStatus(
      ToGrpcStatus(MakeError(v1::ERROR_REASON_BAD_ADDRESS, "no such address: J\xf6rg, Jörg")));
  EXPECT_EQ(received.message(), "no such address: J?rg, Jörg");
  EXPECT_EQ(ReasonOf(received), v1::ERROR_REASON_BAD_ADDRESS);
}

}  // namespace
}  // namespace restante
