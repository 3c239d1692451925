#include "tests/bench/bare_stream.h"

#include <algorithm>
#include <string>

namespace restante::bench {
namespace {

constexpr size_t kFrameOctets = 64 * 1024;

}  // namespace

grpc::Status BareStream::Read(grpc::ServerContext*, const restante::v1::ReadRequest* request,
                              grpc::ServerWriter<restante::v1::ReadResponse>* writer) {
  for (const restante::v1::ReadResponse& frame : FramesOf(request->parts_size())) {
    if (!writer->Write(frame)) break;
  }
  return grpc::Status::OK;
}

const BareStream::Frames& BareStream::FramesOf(int parts) {
  absl::MutexLock lock(&mutex_);
  const auto [entry, is_new] = frames_.try_emplace(parts);
  Frames& frames = entry->second;
  if (!is_new) return frames;
  size_t room = 0;
  for (int part = 0; part < parts; ++part) {
    const std::string message = messages_.Plain({"bare", static_cast<uint64_t>(part) + 1});
    for (size_t at = 0; at < message.size();) {
      if (room == 0) {
        frames.emplace_back();
        room = kFrameOctets;
      }
      const size_t some = std::min(room, message.size() - at);
      restante::v1::ReadPiece* const piece = frames.back().add_pieces();
      piece->set_part(part);
      piece->set_data(message.substr(at, some));
      at += some;
      room -= some;
      piece->set_last(at == message.size());
    }
  }
  return frames;
}

}  // namespace restante::bench
