#include "lobdesk/book/book_state.hpp"

#include <cstdint>

#include "lobdesk/errors.hpp"

namespace lobdesk {
namespace {

// Suspect reasons are compared and shown, never owned, so they come back as these constants.
constexpr std::string_view kReasons[] = {
    "",         "checksum",     "no_checksum", "precision",   "overflow",
    "exponent", "not_positive", "malformed",   "subscription"};

}  // namespace

void AppendShortText(std::string_view text, std::string* out) {
  AppendBytes(static_cast<std::uint8_t>(text.size()), out);
  *out += text;
}

void AppendLevel(const BookLevel& level, std::string* out) {
  AppendBytes(level.price_ticks, out);
  AppendBytes(level.qty_lots, out);
  AppendShortText(std::string_view(level.digits, level.digit_count), out);
}

void AppendPrecisions(const std::optional<Precisions>& precisions, std::string* out) {
  const Precisions known = precisions.value_or(Precisions{});
  AppendBytes(static_cast<std::uint8_t>(precisions.has_value()), out);
  AppendBytes(static_cast<std::int32_t>(known.price), out);
  AppendBytes(static_cast<std::int32_t>(known.qty), out);
  AppendBytes(static_cast<std::uint8_t>(known.is_inferred), out);
}

std::string_view TakeShortText(ByteReader* bytes) {
  return bytes->TakeText(bytes->Take<std::uint8_t>());
}

BookLevel TakeLevel(ByteReader* bytes) {
  BookLevel level;
  level.price_ticks = bytes->Take<Ticks>();
  level.qty_lots = bytes->Take<Lots>();
  const std::string_view digits = TakeShortText(bytes);
  if (digits.size() > BookLevel::kMaxDigits || level.price_ticks <= 0 || level.qty_lots <= 0) {
    throw EngineError("the stored books hold an impossible level");
  }
  level.digit_count = static_cast<std::uint8_t>(digits.copy(level.digits, digits.size()));
  return level;
}

std::optional<Precisions> TakePrecisions(ByteReader* bytes) {
  const bool has_precisions = bytes->Take<std::uint8_t>() != 0;
  Precisions precisions;
  precisions.price = bytes->Take<std::int32_t>();
  precisions.qty = bytes->Take<std::int32_t>();
  precisions.is_inferred = bytes->Take<std::uint8_t>() != 0;
  const auto is_valid = [](int precision) { return precision >= 0 && precision <= 18; };
  if (!is_valid(precisions.price) || !is_valid(precisions.qty)) {
    throw EngineError("the stored books hold an impossible precision");
  }
  return has_precisions ? std::optional<Precisions>(precisions) : std::nullopt;
}

std::string_view TakeReason(ByteReader* bytes) {
  const std::string_view name = TakeShortText(bytes);
  for (const std::string_view reason : kReasons) {
    if (reason == name) return reason;
  }
  throw EngineError("the stored books name an unknown reason");
}

}  // namespace lobdesk
