#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <algorithm>
#include <coworker/json/json.hpp>
#include <coworker/transport/spool.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <support/captured_log.hpp>
#include <support/temporary_folder.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {
namespace {

const char* const results = ".result.json";

// Claims everything that can be claimed.
std::vector<spool::entry> claim_all(spool& from, logger& log) {
  std::vector<spool::entry> claimed;
  for (spool::left_over& one : from.find_left_over()) {
    spool::input file = from.open(one, log);
    if (!file) continue;
    std::string text;
    while (file->read(text, 1000)) {
    }
    if (std::optional<spool::entry> left = from.claim(one, std::move(text), log))
      claimed.push_back(std::move(*left));
  }
  return claimed;
}

std::vector<spool::entry> claim_all(const temporary_folder& folder, captured_log& log) {
  spool next(folder.name());
  return claim_all(next, log.log);
}

}  // namespace

TEST_CASE("a stored result is there for the next spool, unchanged, until it is removed") {
  const temporary_folder folder;
  captured_log log;
  const std::string body =
      R"({"output":"\u0000 \"quoted\",\"body\": )" + std::string(100'000, 'x') + "\xc3\xa9\"}";
  const std::string id = "a/b\n\",\"body\":";
  {
    spool kept(folder.name());
    spool::ticket first = kept.prepare(id, true);
    spool::ticket second = kept.prepare("b", false);
    CHECK(first);
    CHECK(!first.stored());
    CHECK(folder.files() == 0);
    kept.store(first, body, false, log.log);
    kept.store(second, "{}", false, log.log);
    CHECK(first.stored());
    CHECK(folder.files(results) == 2);
  }
  CHECK(folder.files() == 2);  // the lock is gone
  spool next(folder.name());
  std::vector<spool::entry> left = claim_all(next, log.log);
  REQUIRE(left.size() == 2);
  const std::size_t a = left[0].job_id == "b" ? 1 : 0;
  CHECK(left[a].job_id == id);
  CHECK(left[a].streamed);
  CHECK(left[a].body == body);
  CHECK(left[a].ticket.stored());
  CHECK(!left[1 - a].streamed);
  next.remove(left[0].ticket);
  CHECK(!left[0].ticket.stored());
  CHECK(folder.files(results) == 1);
  next.remove(left[1].ticket);
  CHECK(folder.files() == 0);
  CHECK(claim_all(next, log.log).empty());
  CHECK(log.lines().empty());
}

TEST_CASE("a file is one readable JSON object") {
  const temporary_folder folder;
  captured_log log;
  spool kept(folder.name());
  spool::ticket ticket = kept.prepare("a", true);
  for (const bool perhaps : {false, true, false}) {
    kept.store(ticket, R"({"output":[1]})", perhaps, log.log);
    CHECK(json::parse(folder.read(folder.names(results).at(0))) ==
          json{{"perhaps_accepted", perhaps}, {"id", "a"}, {"streamed", true}, {"body", {{"output", {1}}}}});
  }
}

TEST_CASE(
    "a result is stored once, however often it is tried, and may be removed without having been stored") {
  const temporary_folder folder;
  captured_log log;
  {
    spool kept(folder.name());
    spool::ticket ticket = kept.prepare("a", false);
    kept.remove(ticket);
    kept.store(ticket, "1", false, log.log);
    kept.store(ticket, "2", false, log.log);
    CHECK(folder.files(results) == 1);
  }
  CHECK(claim_all(folder, log).at(0).body == "1");
}

TEST_CASE("whether a kept result may have been accepted is kept with it, and corrected in place") {
  for (const bool last : {true, false}) {
    const temporary_folder folder;
    captured_log log;
    {
      spool kept(folder.name());
      spool::ticket ticket = kept.prepare("a", false);
      for (const bool perhaps : {true, false, true, false, last}) {
        kept.store(ticket, "{}", perhaps, log.log);
        CHECK(ticket.perhaps_accepted() == perhaps);
        CHECK(folder.files(results) == 1);
      }
    }
    const std::vector<spool::entry> left = claim_all(folder, log);
    REQUIRE(left.size() == 1);
    CHECK(left[0].ticket.perhaps_accepted() == last);
    CHECK(left[0].body == "{}");
  }
}

TEST_CASE("files of version 0.1 are read, and marked like any other") {
  const temporary_folder folder;
  folder.write("1-2-3.result.json", R"({"id":"a","streamed":false,"body":"{\"output\":1}"})");
  folder.write("1-2-4.result.json", R"({"id":"b","streamed":true,"perhaps_accepted":true,"body":"{}"})");
  captured_log log;
  {
    spool next(folder.name());
    std::vector<spool::entry> left = claim_all(next, log.log);
    REQUIRE(left.size() == 2);
    CHECK(left[0].job_id == "a");
    CHECK(left[0].body == R"({"output":1})");
    CHECK(!left[0].ticket.perhaps_accepted());
    CHECK(left[1].streamed);
    CHECK(left[1].ticket.perhaps_accepted());
    next.store(left[0].ticket, left[0].body, true, log.log);
    CHECK(left[0].ticket.perhaps_accepted());
  }
  CHECK(folder.files() == 2);
  const std::vector<spool::entry> again = claim_all(folder, log);
  REQUIRE(again.size() == 2);
  CHECK(again[0].ticket.perhaps_accepted());
  CHECK(again[1].ticket.perhaps_accepted());
  CHECK(again[0].body == R"({"output":1})");
}

TEST_CASE("only its owner may read a kept result") {
  const temporary_folder folder;
  captured_log log;
  spool kept(folder.name());
  spool::ticket ticket = kept.prepare("a", false);
  kept.store(ticket, "{}", false, log.log);
  using std::filesystem::perms;
  for (const std::string& name : folder.names()) {
    const perms open = std::filesystem::status(folder.name() + "/" + name).permissions();
    CHECK((open & perms::all) == (perms::owner_read | perms::owner_write));
  }
}

// --- several of them -----------------------------------------------------------------------------------------

TEST_CASE("the files of a running process are not claimed by another, those of an ended one are") {
  const temporary_folder folder;
  captured_log log;
  auto one = std::make_unique<spool>(folder.name());
  spool other(folder.name());
  spool::ticket first = one->prepare("a", false);
  spool::ticket second = other.prepare("b", false);
  one->store(first, "1", false, log.log);
  other.store(second, "2", false, log.log);
  CHECK(folder.files(results) == 2);
  CHECK(other.find_left_over().empty());
  CHECK(one->find_left_over().empty());
  CHECK(claim_all(folder, log).empty());
  one.reset();
  const std::vector<spool::entry> left = claim_all(other, log.log);
  REQUIRE(left.size() == 1);
  CHECK(left[0].job_id == "a");
  CHECK(other.find_left_over().empty());
  CHECK(folder.files(".lock") == 1);
}

TEST_CASE("of two processes that find the same file, one claims it") {
  const temporary_folder folder;
  folder.write("1.result.json", R"({"id":"a","streamed":false,"body":"{}"})");
  captured_log log;
  spool one(folder.name());
  spool other(folder.name());
  std::vector<spool::left_over> found = one.find_left_over();
  std::vector<spool::left_over> also_found = other.find_left_over();
  REQUIRE(found.size() == 1);
  REQUIRE(also_found.size() == 1);
  const std::string text = folder.read("1.result.json");
  std::optional<spool::entry> claimed = one.claim(found[0], text, log.log);
  REQUIRE(claimed);
  CHECK(!other.claim(also_found[0], text, log.log));
  CHECK(!other.open(also_found[0], log.log));
  CHECK(log.lines().empty());
  one.remove(claimed->ticket);
  CHECK(folder.files(results) == 0);
}

TEST_CASE("a spool that can be moved takes its lock along") {
  const temporary_folder folder;
  captured_log log;
  spool first(folder.name());
  spool::ticket ticket = first.prepare("a", false);
  first.store(ticket, "1", false, log.log);
  const auto moved = std::make_unique<spool>(std::move(first));
  CHECK(claim_all(folder, log).empty());
  moved->remove(ticket);
  CHECK(folder.files() == 0);
}

TEST_CASE("unfinished files of ended processes are removed, and no files but the spool's") {
  const temporary_folder folder;
  captured_log log;
  spool alive(folder.name());
  spool::ticket ticket = alive.prepare("a", false);
  alive.store(ticket, "{}", false, log.log);
  const std::string lock = folder.names(".lock").at(0);
  const std::string writing = lock.substr(0, lock.find('.')) + ".7.result.json.part";
  folder.write(writing, "half");
  folder.write("1-2-3.result.json.part", R"({"id":"a","streamed":false,"body":"{}"})");
  folder.write("4-5-6.0.result.json.part", "half");
  folder.write("4-5-6.lock", "");
  folder.write("notes.txt", "mine");
  folder.write("film.part", "mine");
  std::filesystem::create_directory(folder.name() + "/folder.result.json.part");
  std::filesystem::create_symlink(folder.name() + "/notes.txt", folder.name() + "/link.result.json.part");
  CHECK(claim_all(folder, log).empty());
  std::vector<std::string> left = folder.names();
  std::sort(left.begin(), left.end());
  std::vector<std::string> expected{
      "film.part", "folder.result.json.part",  "link.result.json.part", "notes.txt", writing,
      lock,        folder.names(results).at(0)};
  std::sort(expected.begin(), expected.end());
  CHECK(left == expected);
  CHECK(folder.read("notes.txt") == "mine");
  CHECK(log.lines().empty());
}

// --- files of others --------------------------------------------------------------------------------------

TEST_CASE("a file that cannot be used is named in the log and kept, and does not stop other deliveries") {
  const temporary_folder folder;
  const std::string target = folder.name() + "/target";
  folder.write("target", R"({"id":"stolen","streamed":false,"body":"{}"})");
  folder.write("bad.result.json", "{\"id\":");
  folder.write("empty.result.json", "");
  folder.write("odd.result.json", R"({"id":7,"streamed":false,"body":"{}"})");
  folder.write("mark.result.json", R"({"perhaps_accepted":1,"id":"a","streamed":false,"body":{}})");
  folder.write("good.result.json", R"({"id":"a","streamed":false,"body":"{}"})");
  std::filesystem::create_directory(folder.name() + "/folder.result.json");
  std::filesystem::create_symlink(target, folder.name() + "/link.result.json");
  std::filesystem::create_symlink("/dev/zero", folder.name() + "/zero.result.json");
  REQUIRE(::mkfifo((folder.name() + "/pipe.result.json").c_str(), 0600) == 0);
  std::vector<std::string> bad{"bad", "empty", "odd", "mark", "folder", "link", "zero", "pipe"};
  if (::mknod((folder.name() + "/device.result.json").c_str(), S_IFCHR | 0600, makedev(1, 5)) == 0)
    bad.emplace_back("device");  // as root
  captured_log log;
  const std::vector<spool::entry> left = claim_all(folder, log);
  REQUIRE(left.size() == 1);
  CHECK(left[0].job_id == "a");
  CHECK(log.lines().size() == bad.size());
  for (const std::string& name : bad) {
    CAPTURE(name);
    CHECK(log.count("/" + name + ".result.json: ") == 1);
    CHECK(folder.files(name + ".result.json") == 1);
  }
}

TEST_CASE("a file that is longer than any result is not read, and no longer one is written") {
  const temporary_folder folder;
  captured_log log;
  spool kept(folder.name(), spool_files(), 100);
  spool::ticket small = kept.prepare("small", false);
  spool::ticket large = kept.prepare("large", false);
  kept.store(small, "{}", false, log.log);
  kept.store(large, std::string(100, ' '), false, log.log);
  kept.store(large, std::string(100, ' '), false, log.log);
  CHECK(small.stored());
  CHECK(!large.stored());
  CHECK(log.count("a file may have 100") == 1);
  folder.write("large.result.json", R"({"id":"a","streamed":false,"body":")" + std::string(100, ' ') + "\"}");
  CHECK(claim_all(kept, log.log).empty());
  CHECK(log.count("large.result.json: it is longer than any result") == 1);
}

TEST_CASE("a file that grows while it is read is given up") {
  const temporary_folder folder;
  captured_log log;
  folder.write("1.result.json", std::string(50, ' '));
  spool kept(folder.name(), spool_files(), 100);
  std::vector<spool::left_over> found = kept.find_left_over();
  spool::input file = kept.open(found.at(0), log.log);
  REQUIRE(file);
  folder.write("1.result.json", std::string(200, ' '));
  std::string text;
  CHECK_THROWS_AS(while (file->read(text, 60)){}, std::runtime_error);
}

// An attacker with access to the folder sees one name and guesses the next.
TEST_CASE("names that are taken, for example by links to other files, are skipped") {
  const temporary_folder folder;
  const temporary_folder elsewhere;
  elsewhere.write("target", "mine");
  captured_log log;
  spool kept(folder.name());
  spool::ticket first = kept.prepare("a", false);
  kept.store(first, "1", false, log.log);
  const std::string name = folder.names(results).at(0);
  const std::string owner = name.substr(0, name.find('.'));
  for (const char* const next : {".1", ".2", ".3"}) {
    std::filesystem::create_symlink(elsewhere.name() + "/target",
                                    folder.name() + "/" + owner + next + ".result.json.part");
  }
  std::filesystem::create_symlink(elsewhere.name() + "/target",
                                  folder.name() + "/" + owner + ".4.result.json");
  std::filesystem::create_directory(folder.name() + "/" + owner + ".5.result.json");
  spool::ticket second = kept.prepare("b", false);
  spool::ticket third = kept.prepare("c", false);
  kept.store(second, "2", false, log.log);
  kept.store(third, "3", false, log.log);
  CHECK(second.stored());
  CHECK(third.stored());
  CHECK(elsewhere.read("target") == "mine");
  CHECK(log.lines().empty());
}

TEST_CASE("a mark is not written through a link that has replaced a file") {
  const temporary_folder folder;
  const temporary_folder elsewhere;
  elsewhere.write("target", std::string(100, '.'));
  captured_log log;
  spool kept(folder.name());
  spool::ticket ticket = kept.prepare("a", false);
  kept.store(ticket, "{}", false, log.log);
  const std::string path = folder.only_file(results);
  std::filesystem::remove(path);
  std::filesystem::create_symlink(elsewhere.name() + "/target", path);
  kept.store(ticket, "{}", true, log.log);
  CHECK(elsewhere.read("target") == std::string(100, '.'));
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(path)));  // written again
  CHECK(json::parse(folder.read(folder.names(results).at(0))).at("perhaps_accepted") == true);
}

// --- failures --------------------------------------------------------------------------------------------

TEST_CASE("a missing folder is refused by name, with the way out") {
  CHECK_THROWS_WITH_AS(spool("/nonexistent/coworker"),
                       "the spool folder /nonexistent/coworker cannot be opened (No such file or directory); "
                       "create it, or name another",
                       std::runtime_error);
}

TEST_CASE("a spool without a folder keeps nothing and logs nothing") {
  captured_log log;
  spool none("");
  spool::ticket ticket = none.prepare("a", false);
  CHECK(!ticket);
  none.store(ticket, "{}", false, log.log);
  CHECK(!ticket.stored());
  none.remove(ticket);
  CHECK(none.find_left_over().empty());
  CHECK(log.lines().empty());
}

TEST_CASE("a result that cannot be kept is logged once, however often it is tried, and kept once it can be") {
  const temporary_folder folder;
  captured_log log;
  spool kept(folder.name());
  spool::ticket ticket = kept.prepare("a", false);
  std::filesystem::remove(folder.name());
  for (int i = 0; i < 3; ++i) kept.store(ticket, "{}", false, log.log);
  CHECK(!ticket.stored());
  CHECK(log.count("The spool cannot keep a result") == 1);
  CHECK(log.count("The spool cannot be locked") == 1);
  CHECK(log.lines().size() == 2);
  CHECK(log.count("No such file or directory") == 2);
  std::filesystem::create_directory(folder.name());
  kept.store(ticket, "{}", false, log.log);
  CHECK(ticket.stored());
  CHECK(folder.files(results) == 1);
  CHECK(folder.files(".lock") == 1);
}

TEST_CASE("no file that the spool opens is inherited by other programs or left open") {
  const temporary_folder folder;
  captured_log log;
  const int next = ::dup(0);
  ::close(next);
  {
    spool kept(folder.name());
    spool::ticket ticket = kept.prepare("a", false);
    kept.store(ticket, "{}", false, log.log);
    CHECK((::fcntl(next, F_GETFD) & FD_CLOEXEC) != 0);  // the lock
  }
  CHECK(::fcntl(next, F_GETFD) < 0);
}

}  // namespace coworker::testing
