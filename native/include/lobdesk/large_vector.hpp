// Vectors for columns of millions of rows.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace lobdesk {

/// Takes large blocks in huge pages where the system has them: to touch small pages for the first
/// time costs a third of a scan. Elements that a resize adds have no value yet.
template <typename T>
class LargeAllocator {
 public:
  using value_type = T;

  LargeAllocator() noexcept = default;
  template <typename U>
  LargeAllocator(const LargeAllocator<U>&) noexcept {}  // NOLINT: as an allocator must

  T* allocate(std::size_t count) {
    if (count > kMost) throw std::bad_alloc();
    const std::size_t bytes = (count * sizeof(T) + kPage - 1) / kPage * kPage;
    const bool is_large = count * sizeof(T) >= 2 * kPage;
    void* block = is_large ? std::aligned_alloc(kPage, bytes) : std::malloc(count * sizeof(T));
    if (block == nullptr) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (is_large) static_cast<void>(madvise(block, bytes, MADV_HUGEPAGE));  // only advice
#endif
    return static_cast<T*>(block);
  }

  void deallocate(T* block, std::size_t) noexcept { std::free(block); }

  template <typename U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Args>
  void construct(U* at, Args&&... args) {
    ::new (static_cast<void*>(at)) U(static_cast<Args&&>(args)...);
  }

  template <typename U>
  bool operator==(const LargeAllocator<U>&) const noexcept {
    return true;
  }
  template <typename U>
  bool operator!=(const LargeAllocator<U>&) const noexcept {
    return false;
  }

 private:
  static constexpr std::size_t kPage = std::size_t{2} << 20;
  static constexpr std::size_t kMost = (static_cast<std::size_t>(-1) >> 2) / sizeof(T);
};

/// A vector that may become large.
template <typename T>
using LargeVector = std::vector<T, LargeAllocator<T>>;

}  // namespace lobdesk
