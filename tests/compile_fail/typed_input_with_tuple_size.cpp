// expect: JSON fills and reads no struct that has a std::tuple_size
// expect: struct_with_tuple_size<
// expect: {"at"}, point>
// max-lines: 4

#include <coworker.hpp>
#include <utility>

struct point {
  float x = 0;
  float y = 0;

  template <std::size_t Index>
  float get() const {
    return Index == 0 ? x : y;
  }
};
template <>
struct std::tuple_size<point> : std::integral_constant<std::size_t, 2> {};
template <std::size_t Index>
struct std::tuple_element<Index, point> {
  using type = float;
};

struct request {
  point at;
};

int process_request(coworker::job<request> work) { return static_cast<int>(work.input.at.x); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
