// Root of the errors that the engine raises on purpose.
#pragma once

#include <stdexcept>

namespace lobdesk {

/// Base class of all engine errors. Wrong arguments are std::invalid_argument instead.
class EngineError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace lobdesk
