#include "lobdesk/units.hpp"

namespace lobdesk {

static_assert(sizeof(TsUs) == 8 && sizeof(Ticks) == 8 && sizeof(Lots) == 8);

}  // namespace lobdesk
