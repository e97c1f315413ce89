// Whether bytes are text.
#pragma once

#include <string_view>

namespace lobdesk {

/// True if the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
[[nodiscard]] bool IsUtf8(std::string_view bytes) noexcept;

}  // namespace lobdesk
