// The only C++ of the tree: toml++ parses, a visitor of C callbacks carries the result out.  Every exception ends here.
#include "base/toml_shim.h"

#include <cstdio>
#include <sstream>
#include <string>
#include <string_view>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace {

int line_of(const toml::node &node) {
    return static_cast<int>(node.source().begin.line);
}

std::string text_of(const toml::node &node) {
    std::ostringstream out;
    if (const auto *date = node.as_date())
        out << date->get();
    else if (const auto *time = node.as_time())
        out << time->get();
    else if (const auto *date_time = node.as_date_time())
        out << date_time->get();
    return out.str();
}

void visit(const toml_visitor &v, const char *key, int line, const toml::node &node) {
    if (const auto *table = node.as_table()) {
        v.begin_table(v.self, key, line);
        for (const auto &[name, child] : *table)
            visit(v, std::string(name.str()).c_str(), static_cast<int>(name.source().begin.line), child);
        v.end(v.self);
    } else if (const auto *array = node.as_array()) {
        v.begin_array(v.self, key, line);
        for (const auto &child : *array)
            visit(v, nullptr, line_of(child), child);
        v.end(v.self);
    } else if (const auto *text = node.as_string()) {
        v.text(v.self, key, line, text->get().data(), text->get().size());
    } else if (const auto *integer = node.as_integer()) {
        v.integer(v.self, key, line, integer->get());
    } else if (const auto *real = node.as_floating_point()) {
        v.real(v.self, key, line, real->get());
    } else if (const auto *boolean = node.as_boolean()) {
        v.boolean(v.self, key, line, boolean->get());
    } else {
        const std::string shown = text_of(node);
        v.text(v.self, key, line, shown.data(), shown.size());
    }
}

} // namespace

extern "C" bool toml_shim_walk(const char *text, size_t len, const toml_visitor *visitor, toml_failure *ret_failure) {
    *ret_failure = toml_failure{0, 0, ""};
    try {
        const toml::table root = toml::parse(std::string_view(text, len));
        visit(*visitor, nullptr, 1, root);
        return true;
    } catch (const toml::parse_error &problem) {
        ret_failure->line = static_cast<int>(problem.source().begin.line);
        ret_failure->column = static_cast<int>(problem.source().begin.column);
        const std::string_view what = problem.description();
        std::snprintf(ret_failure->what, sizeof ret_failure->what, "%.*s", static_cast<int>(what.size()), what.data());
    } catch (const std::exception &problem) {
        std::snprintf(ret_failure->what, sizeof ret_failure->what, "%s", problem.what());
    } catch (...) {
        std::snprintf(ret_failure->what, sizeof ret_failure->what, "the TOML parser failed");
    }
    return false;
}
