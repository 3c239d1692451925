// The id by which the storage service recognises a delivery that is tried again: the MTA's
// queue id, from the top Received field (RFC 5321, section 4.4), the sender, and what the
// message begins with. Knows no I/O.
//
// The recipients aren't in it: an MTA repeats a transaction with those that had no answer.
// Each mailbox remembers ids by itself, so nobody lacks the message for that; of several
// addresses that lead to one mailbox it gets one copy.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace restante::lmtp {

// So many octets from the Received field on are in the id. With the queue id and the time
// in that field they are no other message's.
inline constexpr size_t kIdentifyingOctets = 64 * 1024;

// `beginning` has the first 128 KiB of the message, or all of it. Empty if the MTA gives no
// queue id: two equal messages are two then. What stands above the field (Return-Path,
// Delivered-To, Delivery-date) may differ from one attempt to the next and makes no
// difference.
std::string DeliveryId(std::string_view sender, std::string_view beginning);

// The queue id in a Received field's body: the value of its "id" clause. Empty: none.
std::string_view QueueId(std::string_view body);

}  // namespace restante::lmtp
