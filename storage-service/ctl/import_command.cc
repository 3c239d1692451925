#include "storage-service/ctl/import_command.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/grpc_status.h"
#include "restante/v1/accounts.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/import_file.h"

namespace restante::ctl {
namespace {

// Of the largest entries, well below what one message may have.
constexpr size_t kEntriesPerRequest = 500;

// The service tells no more, and neither does ParseImport.
constexpr size_t kMaxRefused = 100;

// Tells every wrong line as FILE:LINE.
absl::Status RefuseLines(const Session& session, const std::string& file,
                         const std::vector<ImportProblemLine>& problems) {
  Json lines = Json::array();
  for (const ImportProblemLine& problem : problems) {
    session.Complain(absl::StrCat(file, ":", problem.line, ": ", problem.message));
    lines.push_back({{"line", problem.line}, {"message", problem.message}});
  }
  if (session.json()) {
    session.PrintJson({{"imported", 0}, {"problems", std::move(lines)}});
  }
  const std::string count = problems.size() == 1 ? "1 line is"
                            : problems.size() < kMaxRefused
                                ? absl::StrCat(problems.size(), " lines are")
                                : absl::StrCat("at least ", problems.size(), " lines are");
  return RefusedError(absl::StrCat("nothing was imported: ", count, " wrong"));
}

absl::Status Import(const Session& session, const std::string& path) {
  const std::string name = path == "-" ? "standard input" : path;
  const absl::StatusOr<std::string> text = ReadWhole(path, session.in());
  if (!text.ok()) return text.status();
  ImportFile file = ParseImport(*text);
  if (!file.problems.empty()) return RefuseLines(session, name, file.problems);

  const auto stub = v1::AccountsService::NewStub(session.channel());
  const auto context = session.LongCall();
  v1::ImportAccountsResponse response;
  const auto writer = stub->ImportAccounts(context.get(), &response);
  v1::ImportAccountsRequest request;
  for (v1::ImportEntry& entry : file.entries) {
    *request.add_entries() = std::move(entry);
    if (static_cast<size_t>(request.entries_size()) < kEntriesPerRequest) continue;
    // If it can't be written the call has ended, and Finish knows why.
    if (!writer->Write(request)) break;
    request.Clear();
  }
  if (request.entries_size() > 0) writer->Write(request);
  writer->WritesDone();
  const absl::Status status = FromGrpcStatus(writer->Finish());
  if (!status.ok()) return status;

  if (response.problems_size() > 0) {
    std::vector<ImportProblemLine> problems;
    for (const v1::ImportProblem& problem : response.problems()) {
      const uint64_t line =
          problem.index() < file.lines.size() ? file.lines[problem.index()] : 0;
      problems.push_back({line, problem.message()});
    }
    return RefuseLines(session, name, problems);
  }
  if (session.json()) {
    session.PrintJson({{"imported", response.imported()}, {"problems", Json::array()}});
  } else {
    session.out() << "Imported " << response.imported()
                  << (response.imported() == 1 ? " account.\n" : " accounts.\n");
  }
  return absl::OkStatus();
}

}  // namespace

void AddImportCommand(CLI::App* accounts, Action* action) {
  CLI::App* verb = accounts->add_subcommand(
      "import",
      "Create the accounts of a file, all of them or none.\n"
      "A line is ADDRESS<TAB>PASSWORD or ADDRESS<TAB>{CRYPT}HASH, with a crypt(5) hash. A\n"
      "password that begins with a word in braces is written after {PLAIN}. Blank lines, and\n"
      "lines that begin with #, are passed over. A wrong line is named FILE:LINE.");
  const auto path = std::make_shared<std::string>();
  verb->add_option("FILE", *path, "The file; - for standard input")->required();
  verb->callback([action, path] {
    *action = [path](Session& session) { return Import(session, *path); };
  });
}

}  // namespace restante::ctl
