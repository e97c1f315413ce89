// JSON strings to text, and a look into a frame without reading all of it.
#pragma once

#include <string>
#include <string_view>

namespace lobdesk {

/// Appends the text of a JSON string (without its quotes); nullptr, or why it is none.
[[nodiscard]] const char* AppendUnescaped(std::string_view escaped, std::string* out);

/// What a frame is about; empty where it does not say.
struct FrameFacts {
  std::string_view channel, type, symbol;
};

/// Looks at `channel`, `type` (else `method`, `kind`), and the symbol named at the top, in `data`,
/// `result` or `params`. A frame that is no JSON object has no facts.
[[nodiscard]] FrameFacts ReadFrameFacts(std::string_view frame);

}  // namespace lobdesk
