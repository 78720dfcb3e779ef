#pragma once
// post_gate: whether the server allows the worker to post. Must not know what is posted.

#include <coworker/exec/event.hpp>
#include <coworker/exec/insist.hpp>

namespace coworker::inline v0_1::detail {

// Used on one executor.
class post_gate {
 public:
  post_gate() { open_.set(); }

  // Set while the server allows posts. While it is not set, no more jobs should be taken.
  event& open() noexcept { return open_; }
  bool is_open() const noexcept { return denials_ == 0; }

  // Says that the server denies posts; while any is set, the gate is not open.
  class denial {
   public:
    explicit denial(post_gate& of) noexcept : gate_(of) {}
    denial(const denial&) = delete;
    denial& operator=(const denial&) = delete;
    ~denial() { set(false); }

    void set(bool denied) {
      if (denied == denied_) return;
      denied_ = denied;
      if (denied) {
        if (gate_.denials_++ == 0) gate_.open_.reset();
      } else if (--gate_.denials_ == 0) {
        detail::insist([this] { gate_.open_.set(); });
      }
    }

   private:
    post_gate& gate_;
    bool denied_ = false;
  };

 private:
  event open_;
  int denials_ = 0;
};

}  // namespace coworker::inline v0_1::detail
