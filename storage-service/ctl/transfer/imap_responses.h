// What libetpan has made of a server's responses, in this program's types.
#pragma once

#include <libetpan/mailimap.h>

#include <string>
#include <vector>

#include "storage-service/ctl/transfer/imap_client.h"

namespace restante::ctl {

template <class T, class Each>
void ForEach(clist* list, const Each& each) {
  if (list == nullptr) return;
  for (clistiter* entry = clist_begin(list); entry != nullptr; entry = clist_next(entry)) {
    each(static_cast<T*>(clist_content(entry)));
  }
}

// A mailbox's attributes of LIST, each with its backslash.
std::vector<std::string> AttributesOf(const mailimap_mbx_list_flags* flags);

// What a FETCH response says of a message; the body is the response's.
struct FetchedMessage {
  ImapMessage message;
  const mailimap_msg_att_body_section* body = nullptr;
};
FetchedMessage ReadFetch(const mailimap_msg_att* response);

}  // namespace restante::ctl
