#pragma once
// A folder for one test, which is removed with its contents when the test ends.

#include <stdlib.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

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

  /// Returns how many files have names with that end.
  std::size_t files(const std::string& end = "") const { return names(end).size(); }

  std::vector<std::string> names(const std::string& end = "") const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      const std::string name = entry.path().filename().string();
      if (name.ends_with(end)) found.push_back(name);
    }
    return found;
  }

  void write(const std::string& file, const std::string& text) const { std::ofstream(path_ / file) << text; }

  /// Returns the path of the only file whose name has that end.
  std::string only_file(const std::string& end = "") const { return path_.string() + "/" + names(end).at(0); }

  std::string read(const std::string& file) const {
    std::ifstream from(path_ / file);
    return std::string(std::istreambuf_iterator<char>(from), {});
  }

 private:
  std::filesystem::path path_;
};

}  // namespace coworker::testing
