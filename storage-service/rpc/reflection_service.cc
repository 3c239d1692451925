#include "storage-service/rpc/reflection_service.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "storage-service/rpc/completion_thread.h"

namespace restante::rpc {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1alpha::FileDescriptorResponse;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

void AddFile(const FileDescriptor& file, std::set<const FileDescriptor*>& added,
             FileDescriptorResponse* out) {
  if (!added.insert(&file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  out->add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), added, out);
}

// The file and all that it imports, or an error that names what was asked for.
void AnswerFile(const FileDescriptor* file, const std::string& wanted,
                ServerReflectionResponse* out) {
  if (file == nullptr) {
    out->mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
    out->mutable_error_response()->set_error_message(absl::StrCat("not known here: ", wanted));
    return;
  }
  std::set<const FileDescriptor*> added;
  AddFile(*file, added, out->mutable_file_descriptor_response());
}

}  // namespace

// One call: a question is read, answered, and the next one read. Deletes itself when
// gRPC has given its last tag back.
class ReflectionService::Conversation {
 public:
  Conversation(ServiceContext& context, ReflectionService& service)
      : context_(context), service_(service), stream_(&call_) {
    service_.methods_.RequestServerReflectionInfo(&call_, &stream_, context_.queue,
                                                  context_.queue, &call_tag_);
  }

 private:
  void OnCall(bool ok) {
    if (!ok) {
      delete this;  // the server shuts down
      return;
    }
    hold_ = context_.work.Begin();
    service_.Serve(context_);
    stream_.Read(&request_, &read_tag_);
  }

  void OnRead(bool ok) {
    if (!ok) {
      stream_.Finish(grpc::Status::OK, &finished_tag_);
    } else {
      stream_.Write(service_.Answer(request_), &written_tag_);
    }
  }

  void OnWritten(bool ok) {
    if (!ok) {
      stream_.Finish(grpc::Status::OK, &finished_tag_);
    } else {
      stream_.Read(&request_, &read_tag_);
    }
  }

  void OnFinished(bool /*ok*/) { delete this; }

  WorkTracker::Hold hold_;  // released last
  ServiceContext& context_;
  ReflectionService& service_;
  grpc::ServerContext call_;
  grpc::ServerAsyncReaderWriter<ServerReflectionResponse, ServerReflectionRequest> stream_;
  ServerReflectionRequest request_;
  MemberCompletion<Conversation> call_tag_{this, &Conversation::OnCall};
  MemberCompletion<Conversation> read_tag_{this, &Conversation::OnRead};
  MemberCompletion<Conversation> written_tag_{this, &Conversation::OnWritten};
  MemberCompletion<Conversation> finished_tag_{this, &Conversation::OnFinished};
};

void ReflectionService::Serve(ServiceContext& context) { new Conversation(context, *this); }

ServerReflectionResponse ReflectionService::Answer(
    const ServerReflectionRequest& request) const {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kFileByFilename:
      AnswerFile(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(),
                 &response);
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      AnswerFile(pool.FindFileContainingSymbol(request.file_containing_symbol()),
                 request.file_containing_symbol(), &response);
      break;
    case ServerReflectionRequest::kListServices:
      for (const std::string& name : services_) {
        response.mutable_list_services_response()->add_service()->set_name(name);
      }
      break;
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      response.mutable_all_extension_numbers_response()->set_base_type_name(
          request.all_extension_numbers_of_type());
      break;
    default:
      AnswerFile(nullptr, "the extension", &response);
  }
  return response;
}

}  // namespace restante::rpc
