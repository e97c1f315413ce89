// Text full of escaped quotes, as a frame in a journal line is, 32 bytes at a time.
#pragma once

namespace lobdesk {

/// Copies text from `*at` on without the backslashes before its quotes, as long as it holds no
/// other escape, no bare quote and no control character, and there are many bytes before `end`.
/// Both move behind what was copied; `*out` has room for all bytes up to `end`. May copy nothing.
/// Returns whether all that was copied is ASCII.
[[nodiscard]] bool CopyQuoted(const char** at, const char* end, char** out) noexcept;

}  // namespace lobdesk
