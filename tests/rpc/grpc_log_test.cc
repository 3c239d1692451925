// What gRPC has to say arrives in our log.
#include "common/grpc_log.h"

#include <gmock/gmock.h>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

namespace restante {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(GrpcLog, AnErrorOfGrpcIsAWarningOfOurs) {
  // Before this gRPC doesn't know yet how much to say.
  grpc_init();
  RouteGrpcLog();
  testing::internal::CaptureStderr();
  gpr_log("file.cc", 7, GPR_LOG_SEVERITY_ERROR, "lost %d connections", 3);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("grpc: Warning: Trouble"), HasSubstr("lost 3 connections"),
                    HasSubstr("file.cc:7")));
  grpc_shutdown();
}

}  // namespace
}  // namespace restante
