// RFC 3339 times as the exchange writes them.
#pragma once

#include <cstdint>
#include <string_view>

#include "lobdesk/units.hpp"

namespace lobdesk {

/// Sets `ts_us` to the instant of a text such as `2026-08-01T02:53:53.184174Z`; digits beyond
/// microseconds are cut. Returns false if the text is no such time or names no offset.
[[nodiscard]] bool ParseRfc3339(std::string_view text, TsUs* ts_us) noexcept;
/// The same to the nanosecond; false also for what an int64 cannot count, before 1678 or after
/// 2261.
[[nodiscard]] bool ParseRfc3339Ns(std::string_view text, std::int64_t* ts_ns) noexcept;

}  // namespace lobdesk
