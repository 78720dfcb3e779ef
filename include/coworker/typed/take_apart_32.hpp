#pragma once
// Passes the members of a struct as arguments of a call, by a structured binding, whose names must be written
// out: here for up to 32, in take_apart_48.hpp and take_apart_64.hpp for more. Must not know which structs
// allow this, nor how members are counted.

#include <cstddef>

namespace coworker::inline v0_1::detail {

/// Calls `visit` with the `count` members of `value`, in order. Returns void if it cannot be called so: if a
/// member is a bit-field and `visit` takes references.
template <std::size_t count, class Struct, class Visit>
requires(count <= 32) constexpr decltype(auto) take_apart(Struct& value, Visit& visit) {
  if constexpr (count == 1) {
    auto& [m0] = value;
    if constexpr (requires { visit(m0); }) return visit(m0);
  }
  if constexpr (count == 2) {
    auto& [m0, m1] = value;
    if constexpr (requires { visit(m0, m1); }) return visit(m0, m1);
  }
  if constexpr (count == 3) {
    auto& [m0, m1, m2] = value;
    if constexpr (requires { visit(m0, m1, m2); }) return visit(m0, m1, m2);
  }
  if constexpr (count == 4) {
    auto& [m0, m1, m2, m3] = value;
    if constexpr (requires { visit(m0, m1, m2, m3); }) return visit(m0, m1, m2, m3);
  }
  if constexpr (count == 5) {
    auto& [m0, m1, m2, m3, m4] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4); }) return visit(m0, m1, m2, m3, m4);
  }
  if constexpr (count == 6) {
    auto& [m0, m1, m2, m3, m4, m5] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5); }) return visit(m0, m1, m2, m3, m4, m5);
  }
  if constexpr (count == 7) {
    auto& [m0, m1, m2, m3, m4, m5, m6] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5, m6); }) return visit(m0, m1, m2, m3, m4, m5, m6);
  }
  if constexpr (count == 8) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5, m6, m7); })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7);
  }
  if constexpr (count == 9) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5, m6, m7, m8); })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8);
  }
  if constexpr (count == 10) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9); })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9);
  }
  if constexpr (count == 11) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10); })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10);
  }
  if constexpr (count == 12) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11); })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11);
  }
  if constexpr (count == 13) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12); })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12);
  }
  if constexpr (count == 14) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13); })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13);
  }
  if constexpr (count == 15) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14); })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14);
  }
  if constexpr (count == 16) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15] = value;
    if constexpr (requires { visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15); })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15);
  }
  if constexpr (count == 17) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16);
  }
  if constexpr (count == 18) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17);
  }
  if constexpr (count == 19) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17,
                          m18);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18);
  }
  if constexpr (count == 20) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19);
  }
  if constexpr (count == 21) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20] =
        value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20);
  }
  if constexpr (count == 22) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20,
           m21] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21);
  }
  if constexpr (count == 23) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21,
           m22] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21, m22);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21, m22);
  }
  if constexpr (count == 24) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21,
           m22, m23] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21, m22, m23);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21, m22, m23);
  }
  if constexpr (count == 25) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21,
           m22, m23, m24] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21, m22, m23, m24);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21, m22, m23, m24);
  }
  if constexpr (count == 26) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21,
           m22, m23, m24, m25] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21, m22, m23, m24, m25);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21, m22, m23, m24, m25);
  }
  if constexpr (count == 27) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21,
           m22, m23, m24, m25, m26] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21, m22, m23, m24, m25, m26);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21, m22, m23, m24, m25, m26);
  }
  if constexpr (count == 28) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21,
           m22, m23, m24, m25, m26, m27] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21, m22, m23, m24, m25, m26, m27);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21, m22, m23, m24, m25, m26, m27);
  }
  if constexpr (count == 29) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21,
           m22, m23, m24, m25, m26, m27, m28] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21, m22, m23, m24, m25, m26, m27, m28);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21, m22, m23, m24, m25, m26, m27, m28);
  }
  if constexpr (count == 30) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21,
           m22, m23, m24, m25, m26, m27, m28, m29] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21, m22, m23, m24, m25, m26, m27, m28, m29);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21, m22, m23, m24, m25, m26, m27, m28, m29);
  }
  if constexpr (count == 31) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21,
           m22, m23, m24, m25, m26, m27, m28, m29, m30] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21, m22, m23, m24, m25, m26, m27, m28, m29, m30);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21, m22, m23, m24, m25, m26, m27, m28, m29, m30);
  }
  if constexpr (count == 32) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21,
           m22, m23, m24, m25, m26, m27, m28, m29, m30, m31] = value;
    if constexpr (requires {
                    visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18,
                          m19, m20, m21, m22, m23, m24, m25, m26, m27, m28, m29, m30, m31);
                  })
      return visit(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19,
                   m20, m21, m22, m23, m24, m25, m26, m27, m28, m29, m30, m31);
  }
}

}  // namespace coworker::inline v0_1::detail
