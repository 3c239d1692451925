// Which of another server's flags can be kept.
#pragma once

#include <string>
#include <vector>

namespace restante::ctl {

// Those that the contract takes (MessageRow.flags): system flags but \Recent, and keywords
// of 1 to 64 octets of an IMAP atom, 64 of them at most. Others are added to `dropped`;
// \Recent isn't, nobody keeps it.
std::vector<std::string> KeptFlags(const std::vector<std::string>& flags,
                                   std::vector<std::string>* dropped);

}  // namespace restante::ctl
