// Parts that the stored form of all books shares.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lobdesk/book/book_level.hpp"
#include "lobdesk/book/byte_reader.hpp"
#include "lobdesk/book/symbol_book.hpp"

namespace lobdesk {

/// Appends a text of at most 255 bytes.
void AppendShortText(std::string_view text, std::string* out);
void AppendLevel(const BookLevel& level, std::string* out);
void AppendPrecisions(const std::optional<Precisions>& precisions, std::string* out);

// The functions below throw EngineError if the bytes hold no such thing.

[[nodiscard]] std::string_view TakeShortText(ByteReader* bytes);
[[nodiscard]] BookLevel TakeLevel(ByteReader* bytes);
[[nodiscard]] std::optional<Precisions> TakePrecisions(ByteReader* bytes);
/// Returns one of the constants that verdicts name.
[[nodiscard]] std::string_view TakeReason(ByteReader* bytes);

}  // namespace lobdesk
