// JSON strings to text, and a look into a frame without reading all of it.
#pragma once

#include <string>
#include <string_view>

namespace lobdesk {

/// Appends the text of a JSON string (without its quotes); nullptr, or why it is none.
[[nodiscard]] const char* AppendUnescaped(std::string_view escaped, std::string* out);

/// Reads a JSON string from behind its first quote on and writes its text to `*out`, which has room
/// for all bytes up to `end`. Returns nullptr, or why it is none. `*at` moves behind the last quote
/// or to what is wrong; on failure `*out` may have moved as well. `*is_ascii` may be false although
/// the text is, never true although it is not.
[[nodiscard]] const char* ReadQuoted(const char** at, const char* end, char** out, bool* is_ascii);

/// What a frame is about; empty where it does not say.
struct FrameFacts {
  std::string_view channel, type, symbol;
};

/// Looks at `channel`, `type` (else `method`, `kind`), and the symbol named at the top, in `data`,
/// `result` or `params`. A frame that is no JSON object has no facts.
[[nodiscard]] FrameFacts ReadFrameFacts(std::string_view frame);

/// The same, key by key whatever the frame looks like.
[[nodiscard]] FrameFacts WalkFrame(std::string_view frame);

}  // namespace lobdesk
