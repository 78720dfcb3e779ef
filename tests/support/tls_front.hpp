#pragma once
// TLS for tests: a real nginx with test certificates, in front of another test server. Must not
// know what is requested.

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <support/process.hpp>
#include <support/raw_client.hpp>
#include <support/socket.hpp>
#include <support/temporary_folder.hpp>
#include <thread>
#include <vector>

namespace coworker::testing {

/// Returns the path of a program; empty if it is not installed.
inline std::string program_path(const std::string& name) {
  for (const char* const folder : {"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/"}) {
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  return {};
}

inline bool tls_can_be_tested() {
  const bool can = !program_path("nginx").empty() && !program_path("openssl").empty();
  if (!can) MESSAGE("skipped: this needs nginx and openssl (Debian: nginx openssl)");
  return can;
}

/// A folder with a certificate authority and the certificates that it has signed.
class test_authority {
 public:
  test_authority() {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=coworker test authority", "-keyout", path("ca.key"), "-out", path("ca.pem")});
    openssl({"rehash", folder_.name()});
  }

  std::string ca_file() const { return path("ca.pem"); }
  std::string ca_folder() const { return folder_.name(); }

  /// Creates NAME.pem and NAME.key for a subject such as "IP:127.0.0.1" or "DNS:name".
  void sign(const std::string& name, const std::string& subject) const {
    folder_.write(name + ".ext", "subjectAltName=" + subject + "\n");
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=queue",
             "-keyout", path(name + ".key"), "-out", path(name + ".csr")});
    openssl({"x509", "-req", "-in", path(name + ".csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
             "-CAcreateserial", "-days", "2", "-extfile", path(name + ".ext"), "-out", path(name + ".pem")});
  }

  std::string path(const std::string& file) const { return folder_.name() + "/" + file; }

 private:
  void openssl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program_path("openssl"));
    process run(arguments);
    if (run.wait() != 0) throw std::runtime_error("openssl failed: " + run.output());
  }

  temporary_folder folder_;
};

/// An nginx that terminates TLS and forwards requests to the server behind it, with the client's protocol and
/// a connection number as headers.
class tls_front {
 public:
  tls_front(const std::string& behind, const test_authority& authority, const std::string& certificate,
            const std::string& listen_options = "ssl http2") {
    reserved_.close();
    folder_.write(
        "nginx.conf",
        "daemon off;\nmaster_process off;\npid " + folder_.name() + "/pid;\nerror_log " + folder_.name() +
            "/errors info;\nevents {}\nhttp {\n  access_log off;\n" + temporary_paths() +
            "  server {\n    listen 127.0.0.1:" + std::to_string(reserved_.port()) + " " + listen_options +
            " reuseport;\n    ssl_certificate " + authority.path(certificate + ".pem") +
            ";\n    ssl_certificate_key " + authority.path(certificate + ".key") +
            ";\n    location / {\n      proxy_pass " + behind +
            ";\n      proxy_http_version 1.1;\n      proxy_buffering off;\n"
            "      proxy_set_header X-Front-Protocol $server_protocol;\n"
            "      proxy_set_header X-Front-Connection $connection;\n    }\n  }\n}\n");
    nginx_.emplace(std::vector<std::string>{program_path("nginx"), "-p", folder_.name(), "-c",
                                            folder_.name() + "/nginx.conf"});
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!raw_client(reserved_.port()).connected()) {
      if (std::chrono::steady_clock::now() > limit)
        throw std::runtime_error("nginx does not begin: " + nginx_->output());
      std::this_thread::yield();
    }
  }

  std::string url() const { return "https://127.0.0.1:" + std::to_string(reserved_.port()); }

 private:
  std::string temporary_paths() const {
    std::string lines;
    for (const char* const kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
      lines += std::string("  ") + kind + "_temp_path " + folder_.name() + "/" + kind + ";\n";
    }
    return lines;
  }

  temporary_folder folder_;
  listener reserved_{0};
  std::optional<process> nginx_;
};

}  // namespace coworker::testing
