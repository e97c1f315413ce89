// Writing pieces of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lobdesk {

/// Appends a JSON string with its quotes; the text must be UTF-8.
void AppendJsonString(std::string_view text, std::string* out);
void AppendInteger(std::int64_t value, std::string* out);

}  // namespace lobdesk
