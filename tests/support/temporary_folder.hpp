#pragma once
// A folder of a test's own, which is gone with all that is in it when the test ends.

#include <stdlib.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace coworker::testing {

class temporary_folder {
 public:
  temporary_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "coworker-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("there is no place for a temporary folder");
    path_ = name;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string name() const { return path_.string(); }

  std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++count;
    return count;
  }

  void write(const std::string& file, const std::string& text) const { std::ofstream(path_ / file) << text; }

  /// The path of the only file in it.
  std::string only_file() const { return std::filesystem::directory_iterator(path_)->path().string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace coworker::testing
