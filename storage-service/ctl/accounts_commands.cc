#include "storage-service/ctl/accounts_commands.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/grpc_status.h"
#include "restante/v1/accounts.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/import_command.h"
#include "storage-service/ctl/quota_commands.h"
#include "storage-service/ctl/secret_input.h"
#include "storage-service/ctl/table.h"
#include "storage-service/ctl/verb.h"

namespace restante::ctl {
namespace {

using v1::AccountsService;

struct AccountOptions {
  std::string address;
  bool password_stdin = false;
  bool crypt = false;
  std::string quota;
  bool yes = false;
  std::vector<std::string> protocols;
  std::string new_address;
  bool keep_alias = false;
  bool purge = false;
};

absl::Status ReadCredential(const Session& session, const AccountOptions& options,
                            v1::Credential* credential) {
  SecretSource source;
  source.fd = session.in();
  source.take_as_is = options.password_stdin;
  if (options.crypt) {
    source.noun = "password hash";
    source.ask_twice = false;
  }
  absl::StatusOr<std::string> secret = ReadSecret(source, session.err());
  if (!secret.ok()) return secret.status();
  if (!IsUtf8(*secret)) return RefusedError(absl::StrCat("the ", source.noun, " isn't UTF-8"));
  if (options.crypt) {
    credential->set_crypt_hash(*std::move(secret));
  } else {
    credential->set_password(*std::move(secret));
  }
  return absl::OkStatus();
}

std::string StateOf(const v1::Account& account) {
  if (account.disabled()) return "disabled";
  if (account.pop3_disabled() && account.imap_disabled()) return "no POP3, no IMAP";
  if (account.pop3_disabled()) return "no POP3";
  return account.imap_disabled() ? "no IMAP" : "enabled";
}

void PrintAccount(const Session& session, const v1::Account& account) {
  const std::pair<const char*, std::string> facts[] = {
      {"Address", account.address()},
      {"State", StateOf(account)},
      {"Messages", absl::StrCat(account.message_count())},
      {"Used", FormatOctets(account.used_octets())},
      {"Quota", FormatLimits(account.effective_quota())},
      {"Created", FormatTime(account.created())},
      {"Id", account.account_id()}};
  for (const auto& [name, value] : facts) {
    session.out() << name << ":" << std::string(10 - std::string(name).size(), ' ')
                  << Printable(value) << '\n';
  }
}

absl::Status Create(const Session& session, const AccountOptions& options) {
  absl::StatusOr<uint64_t> quota = 0;
  if (!options.quota.empty()) quota = ParseSize("--quota", options.quota);
  if (!quota.ok()) return quota.status();
  v1::CreateAccountRequest request;
  request.set_address(options.address);
  request.set_quota_octets(*quota);
  const absl::Status read = ReadCredential(session, options, request.mutable_credential());
  if (!read.ok()) return read;
  v1::CreateAccountResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->CreateAccount(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(ToJson(response.account()));
  } else {
    session.out() << "Created " << Printable(response.account().address()) << ".\n";
  }
  return absl::OkStatus();
}

absl::Status List(const Session& session) {
  const auto stub = AccountsService::NewStub(session.channel());
  Json accounts = Json::array();
  Table table({{"ADDRESS"},
               {"STATE"},
               {"MESSAGES", Table::Align::kRight},
               {"USED", Table::Align::kRight},
               {"QUOTA", Table::Align::kRight},
               {"CREATED"}});
  v1::ListAccountsRequest request;
  do {
    v1::ListAccountsResponse response;
    const auto context = session.ShortCall();
    const absl::Status status =
        FromGrpcStatus(stub->ListAccounts(context.get(), request, &response));
    if (!status.ok()) return status;
    for (const v1::Account& account : response.accounts()) {
      if (session.json()) {
        accounts.push_back(ToJson(account));
      } else {
        table.Add({account.address(), StateOf(account), absl::StrCat(account.message_count()),
                   FormatOctets(account.used_octets()), FormatQuota(account.quota_octets()),
                   FormatTime(account.created())});
      }
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (session.json()) {
    session.PrintJson({{"accounts", std::move(accounts)}});
  } else {
    table.Print(session.out());
  }
  return absl::OkStatus();
}

absl::Status Show(const Session& session, const AccountOptions& options) {
  const absl::StatusOr<v1::Account> account = GetAccount(session, options.address);
  if (!account.ok()) return account.status();
  if (session.json()) {
    session.PrintJson(ToJson(*account));
  } else {
    PrintAccount(session, *account);
  }
  return absl::OkStatus();
}

// Changes what `fields` name to what `account` says, and tells `outcome`.
absl::Status Update(const Session& session, const v1::Account& account,
                    const std::vector<std::string>& fields, const std::string& outcome) {
  v1::UpdateAccountRequest request;
  *request.mutable_account() = account;
  for (const std::string& field : fields) request.mutable_update_mask()->add_paths(field);
  v1::UpdateAccountResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->UpdateAccount(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(ToJson(response.account()));
  } else {
    session.out() << Printable(response.account().address()) << " " << outcome << ".\n";
  }
  return absl::OkStatus();
}

absl::Status SetDisabled(const Session& session, const AccountOptions& options, bool disabled) {
  v1::Account account;
  account.set_address(options.address);
  if (options.protocols.empty()) {
    account.set_disabled(disabled);
    return Update(session, account, {"disabled"}, disabled ? "is disabled" : "is enabled");
  }
  std::vector<std::string> fields;
  for (const std::string& protocol : options.protocols) {
    if (protocol == "pop3") {
      account.set_pop3_disabled(disabled);
    } else if (protocol == "imap") {
      account.set_imap_disabled(disabled);
    } else {
      return UsageError(absl::StrCat("--protocol: '", protocol, "' is neither pop3 nor imap"));
    }
    fields.push_back(protocol + "_disabled");
  }
  return Update(session, account, fields,
                disabled ? "can't log in by this protocol any more"
                         : "can log in by this protocol again");
}

absl::Status Rename(const Session& session, const AccountOptions& options) {
  v1::RenameAccountRequest request;
  request.set_address(options.address);
  request.set_new_address(options.new_address);
  request.set_keep_alias(options.keep_alias);
  v1::RenameAccountResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->RenameAccount(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(ToJson(response.account()));
  } else {
    session.out() << Printable(options.address) << " is "
                  << Printable(response.account().address()) << " now"
                  << (options.keep_alias ? ", and an alias of it" : "") << ".\n";
  }
  return absl::OkStatus();
}

absl::Status SetPassword(const Session& session, const AccountOptions& options) {
  v1::SetPasswordRequest request;
  request.set_address(options.address);
  const absl::Status read = ReadCredential(session, options, request.mutable_credential());
  if (!read.ok()) return read;
  v1::SetPasswordResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->SetPassword(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson({{"address", options.address}});
  } else {
    session.out() << Printable(options.address) << " has a new password.\n";
  }
  return absl::OkStatus();
}

absl::Status Delete(const Session& session, const AccountOptions& options) {
  if (!options.yes) {
    const absl::Status can_ask = CheckCanAsk(session.in(), "--yes");
    if (!can_ask.ok()) return can_ask;
    const absl::StatusOr<v1::Account> account = GetAccount(session, options.address);
    if (!account.ok()) return account.status();
    const absl::StatusOr<bool> sure =
        Confirm(session.in(),
                absl::StrCat("Delete ", Printable(account->address()), " and all its mail (",
                             account->message_count(), " messages, ",
                             FormatOctets(account->used_octets()), " octets)?"),
                "--yes", session.err());
    if (!sure.ok()) return sure.status();
    if (!*sure) return RefusedError("not deleted");
  }
  v1::DeleteAccountRequest request;
  request.set_address(options.address);
  request.set_purge(options.purge);
  v1::DeleteAccountResponse response;
  const auto context = session.LongCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->DeleteAccount(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson({{"address", options.address}});
  } else {
    session.out() << "Deleted " << Printable(options.address) << ".\n";
  }
  return absl::OkStatus();
}

void AddPasswordOptions(CLI::App* verb, const std::shared_ptr<AccountOptions>& options) {
  verb->add_flag("--password-stdin", options->password_stdin,
                 "Take the password from standard input: one line; otherwise you are asked");
  verb->add_flag("--crypt", options->crypt,
                 "What is given is a crypt(5) hash, to be stored as it is");
}

constexpr char kSize[] = "Octets, or such as 500MB or 2GiB; none: no limit";

}  // namespace

absl::StatusOr<v1::Account> GetAccount(const Session& session, const std::string& address) {
  v1::GetAccountRequest request;
  request.set_address(address);
  v1::GetAccountResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(AccountsService::NewStub(session.channel())
                         ->GetAccount(context.get(), request, &response));
  if (!status.ok()) return status;
  return response.account();
}

void AddAccountsCommands(CLI::App* app, Action* action) {
  CLI::App* accounts = app->add_subcommand("accounts", "Create, change and list accounts");
  accounts->require_subcommand(1);
  const auto options = std::make_shared<AccountOptions>();

  CLI::App* create = AddAccountVerb(accounts, "create", "Create an account with an empty INBOX",
                                    action, options, Create);
  AddPasswordOptions(create, options);
  create->add_option("--quota", options->quota, kSize)->type_name("SIZE");

  accounts->add_subcommand("list", "List all accounts")->callback([action] {
    *action = [](Session& session) { return List(session); };
  });
  AddAccountVerb(accounts, "show", "Show one account", action, options, Show);
  CLI::App* disable =
      AddAccountVerb(accounts, "disable",
                     "Let an account log in no more, from now on; mail for it is still taken",
                     action, options, [](const Session& session, const AccountOptions& given) {
                       return SetDisabled(session, given, true);
                     });
  CLI::App* enable =
      AddAccountVerb(accounts, "enable", "Let a disabled account log in again", action, options,
                     [](const Session& session, const AccountOptions& given) {
                       return SetDisabled(session, given, false);
                     });
  for (CLI::App* verb : {disable, enable}) {
    verb->add_option("--protocol", options->protocols,
                     "Only by this protocol; may be given twice")
        ->type_name("pop3|imap");
  }
  CLI::App* rename = AddAccountVerb(
      accounts, "rename", "Give an account another address; its mail, UIDLs and password stay",
      action, options, Rename);
  rename->add_option("NEW", options->new_address, "The new address")->required();
  rename->add_flag("--keep-alias", options->keep_alias,
                   "Mail to the old address goes to the account still");
  CLI::App* remove =
      AddAccountVerb(accounts, "delete", "Delete an account and all its mail, for good", action,
                     options, Delete);
  remove->add_flag("-y,--yes", options->yes, "Don't ask whether you are sure");
  remove->add_flag("--purge", options->purge,
                   "Wait until no octet of the mail is left on the disk, which may mean "
                   "writing the whole store anew");
  AddPasswordOptions(AddAccountVerb(accounts, "passwd", "Set an account's password", action,
                                    options, SetPassword),
                     options);
  AddAccountQuotaCommand(accounts, action);
  AddImportCommand(accounts, action);
}

}  // namespace restante::ctl
