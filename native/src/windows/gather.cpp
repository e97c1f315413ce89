#include "lobdesk/windows/gather.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace lobdesk {
namespace {

void CopyWindows(const FeatureMatrix& features, const std::int64_t* last, std::int64_t begin,
                 std::int64_t end, std::int64_t window_rows, float* out) {
  const std::int64_t size = window_rows * features.columns;
  for (std::int64_t i = begin; i < end; ++i) {
    const float* window = features.values + (last[i] - window_rows + 1) * features.columns;
    std::memcpy(out + i * size, window, static_cast<std::size_t>(size) * sizeof(float));
  }
}

}  // namespace

void GatherWindows(const FeatureMatrix& features, const std::int64_t* last, std::int64_t count,
                   std::int64_t window_rows, int threads, float* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (last[i] < window_rows - 1 || last[i] >= features.rows) {
      throw std::invalid_argument("row " + std::to_string(last[i]) + " ends no window of " +
                                  std::to_string(window_rows) + " rows among " +
                                  std::to_string(features.rows));
    }
  }
  const std::int64_t workers =
      std::clamp<std::int64_t>(threads, 1, std::max<std::int64_t>(count, 1));
  const auto bound = [&](std::int64_t worker) { return count * worker / workers; };
  std::vector<std::thread> pool;
  for (std::int64_t worker = 1; worker < workers; ++worker) {
    pool.emplace_back(CopyWindows, std::cref(features), last, bound(worker), bound(worker + 1),
                      window_rows, out);
  }
  CopyWindows(features, last, 0, bound(1), window_rows, out);
  for (std::thread& thread : pool) thread.join();
}

}  // namespace lobdesk
