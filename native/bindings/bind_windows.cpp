// Features, normalization, targets and window batches.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "bindings.hpp"
#include "lobdesk/windows/gather.hpp"
#include "lobdesk/windows/rows.hpp"
#include "lobdesk/windows/targets.hpp"

namespace py = pybind11;
using namespace py::literals;

namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

void Require(bool condition, const std::string& message) {
  if (!condition) throw py::value_error(message);
}

// Checks that an array has the given shape; -1 accepts any size of a dimension.
template <typename T>
void RequireShape(const Array<T>& array, const std::vector<py::ssize_t>& shape, const char* name) {
  bool fits = array.ndim() == static_cast<py::ssize_t>(shape.size());
  std::string text;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    fits = fits && (shape[i] < 0 || array.shape(static_cast<py::ssize_t>(i)) == shape[i]);
    text += (i > 0 ? ", " : "") + (shape[i] < 0 ? "rows" : std::to_string(shape[i]));
  }
  Require(fits, std::string(name) + " must have shape [" + text + "]");
}

template <typename T>
lobdesk::SideRows<T> Sides(const Array<T>& bid_px, const Array<T>& bid_qty, const Array<T>& ask_px,
                           const Array<T>& ask_qty) {
  RequireShape(bid_px, {-1, lobdesk::kBookLevels}, "bid prices");
  const py::ssize_t rows = bid_px.shape(0);
  RequireShape(bid_qty, {rows, lobdesk::kBookLevels}, "bid quantities");
  RequireShape(ask_px, {rows, lobdesk::kBookLevels}, "ask prices");
  RequireShape(ask_qty, {rows, lobdesk::kBookLevels}, "ask quantities");
  return {ask_px.data(), ask_qty.data(), bid_px.data(), bid_qty.data()};
}

std::vector<lobdesk::FeatureSet> FeatureSets(const std::vector<std::string>& names) {
  std::vector<lobdesk::FeatureSet> sets;
  for (const std::string& name : names) {
    if (name == "deeplob40") {
      sets.push_back(lobdesk::FeatureSet::kDeepLob40);
    } else if (name == "ofi10") {
      sets.push_back(lobdesk::FeatureSet::kOfi10);
    } else if (name == "state") {
      sets.push_back(lobdesk::FeatureSet::kState);
    } else {
      throw py::value_error("unknown feature set '" + name + "'; known: deeplob40, ofi10, state");
    }
  }
  Require(!sets.empty(), "at least one feature set is needed");
  return sets;
}

py::ssize_t Columns(const lobdesk::FeatureOptions& options) {
  int columns = 0;
  for (const lobdesk::FeatureSet set : options.sets) columns += lobdesk::ColumnCount(set);
  return columns;
}

void RequireLevels(int levels) {
  Require(levels >= 1 && levels <= lobdesk::kBookLevels, "levels must be between 1 and 10");
}

void RequireWindow(std::int64_t window_rows, std::int64_t min_rows) {
  Require(window_rows >= 1, "window_rows must be at least 1");
  Require(min_rows >= 1 && min_rows <= window_rows, "min_rows must be between 1 and window_rows");
}

py::tuple ComputeFeatures(const Array<double>& bid_px, const Array<double>& bid_qty,
                          const Array<double>& ask_px, const Array<double>& ask_qty,
                          const std::vector<std::string>& feature_sets, int vwm_levels) {
  RequireLevels(vwm_levels);
  const auto sides = Sides(bid_px, bid_qty, ask_px, ask_qty);
  const lobdesk::FeatureOptions options{FeatureSets(feature_sets), vwm_levels};
  for (const lobdesk::FeatureSet set : options.sets) {
    Require(set != lobdesk::FeatureSet::kState, "feature set 'state' needs the times of the rows");
  }
  const py::ssize_t rows = bid_px.shape(0);
  py::array_t<double> features({rows, Columns(options)});
  py::array_t<double> vwm(rows);
  double* features_data = features.mutable_data();
  double* vwm_data = vwm.mutable_data();
  {
    const py::gil_scoped_release release;
    lobdesk::ComputeFeatures(sides, rows, options, features_data, vwm_data);
  }
  return py::make_tuple(features, vwm);
}

py::array_t<double> VolumeWeightedMid(const Array<double>& bid_px, const Array<double>& bid_qty,
                                      const Array<double>& ask_px, const Array<double>& ask_qty,
                                      int levels) {
  RequireLevels(levels);
  const auto sides = Sides(bid_px, bid_qty, ask_px, ask_qty);
  const py::ssize_t rows = bid_px.shape(0);
  py::array_t<double> vwm(rows);
  double* data = vwm.mutable_data();
  {
    const py::gil_scoped_release release;
    lobdesk::VolumeWeightedMids(sides, rows, levels, data);
  }
  return vwm;
}

py::tuple RollingNormalize(const Array<double>& x, const Array<std::int32_t>& segment,
                           std::int64_t window_rows, std::int64_t min_rows) {
  RequireWindow(window_rows, min_rows);
  Require(x.ndim() == 2, "x must have shape [rows, columns]");
  RequireShape(segment, {x.shape(0)}, "segment");
  const lobdesk::FeatureOptions options{{}, 1, window_rows, min_rows};
  py::array_t<float> z({x.shape(0), x.shape(1)});
  py::array_t<bool> ready(x.shape(0));
  float* z_data = z.mutable_data();
  bool* ready_data = ready.mutable_data();
  {
    const py::gil_scoped_release release;
    lobdesk::NormalizeRows(x.data(), segment.data(), x.shape(0), static_cast<int>(x.shape(1)),
                           options, z_data, ready_data);
  }
  return py::make_tuple(z, ready);
}

// "best", or one that the machine has, so that tests can compare them.
lobdesk::Isa ChooseIsa(const std::string& name) {
  const lobdesk::Isa best = lobdesk::BestIsa();
  if (name == "best") return best;
  Require(name == "base" || name == "avx2" || name == "avx512",
          "isa must be best, base, avx2 or avx512, not '" + name + "'");
  const lobdesk::Isa isa = name == "base"   ? lobdesk::Isa::kBase
                           : name == "avx2" ? lobdesk::Isa::kAvx2
                                            : lobdesk::Isa::kAvx512;
  Require(isa <= best, "this machine has no " + name);
  return isa;
}

void BuildFeatureRows(const Array<std::int64_t>& bid_ticks, const Array<std::int64_t>& bid_lots,
                      const Array<std::int64_t>& ask_ticks, const Array<std::int64_t>& ask_lots,
                      const Array<std::int8_t>& price_precision,
                      const Array<std::int8_t>& qty_precision,
                      const Array<std::int64_t>& exch_ts_us, const Array<std::int32_t>& segment,
                      Array<float>& features, Array<bool>& ready, Array<double>& vwm,
                      const std::vector<std::string>& feature_sets, int vwm_levels,
                      std::int64_t window_rows, std::int64_t min_rows, const std::string& isa) {
  const lobdesk::Isa chosen = ChooseIsa(isa);
  RequireLevels(vwm_levels);
  RequireWindow(window_rows, min_rows);
  const lobdesk::FeatureOptions options{FeatureSets(feature_sets), vwm_levels, window_rows,
                                        min_rows};
  const py::ssize_t rows = bid_ticks.ndim() > 0 ? bid_ticks.shape(0) : 0;
  const auto sides = Sides(bid_ticks, bid_lots, ask_ticks, ask_lots);
  RequireShape(price_precision, {rows}, "price_precision");
  RequireShape(qty_precision, {rows}, "qty_precision");
  RequireShape(exch_ts_us, {rows}, "exch_ts_us");
  RequireShape(segment, {rows}, "segment");
  RequireShape(features, {rows, Columns(options)}, "features");
  RequireShape(ready, {rows}, "ready");
  RequireShape(vwm, {rows}, "vwm");
  const lobdesk::BookColumns books{
      sides, price_precision.data(), qty_precision.data(), exch_ts_us.data(), segment.data(), rows};
  const lobdesk::FeatureColumns out{features.mutable_data(), ready.mutable_data(),
                                    vwm.mutable_data()};
  const py::gil_scoped_release release;
  lobdesk::BuildFeatureRows(books, options, out, chosen);
}

lobdesk::TargetKind Kind(const std::string& kind) {
  Require(kind == "point" || kind == "mean", "kind must be 'point' or 'mean', not '" + kind + "'");
  return kind == "point" ? lobdesk::TargetKind::kPoint : lobdesk::TargetKind::kMean;
}

py::tuple RowTargets(const Array<double>& vwm, const Array<std::int32_t>& segment,
                     const std::string& kind, std::int64_t horizon_rows) {
  Require(horizon_rows >= 1, "horizon_rows must be at least 1");
  RequireShape(vwm, {-1}, "vwm");
  RequireShape(segment, {vwm.shape(0)}, "segment");
  const lobdesk::TargetKind target_kind = Kind(kind);
  const lobdesk::MidColumns mids{vwm.data(), segment.data(), vwm.shape(0)};
  py::array_t<double> target(vwm.shape(0));
  py::array_t<std::int64_t> end(vwm.shape(0));
  double* target_data = target.mutable_data();
  std::int64_t* end_data = end.mutable_data();
  {
    const py::gil_scoped_release release;
    lobdesk::RowTargets(mids, target_kind, horizon_rows, target_data, end_data);
  }
  return py::make_tuple(target, end);
}

py::tuple TimeTargets(const Array<double>& vwm, const Array<std::int32_t>& segment,
                      const Array<std::int64_t>& ts_us, const std::string& kind,
                      std::int64_t horizon_us) {
  Require(horizon_us >= 1, "horizon_us must be at least 1");
  RequireShape(vwm, {-1}, "vwm");
  RequireShape(segment, {vwm.shape(0)}, "segment");
  RequireShape(ts_us, {vwm.shape(0)}, "ts_us");
  const lobdesk::TargetKind target_kind = Kind(kind);
  const lobdesk::MidColumns mids{vwm.data(), segment.data(), vwm.shape(0)};
  py::array_t<double> target(vwm.shape(0));
  py::array_t<std::int64_t> end(vwm.shape(0));
  double* target_data = target.mutable_data();
  std::int64_t* end_data = end.mutable_data();
  {
    const py::gil_scoped_release release;
    lobdesk::TimeTargets(mids, ts_us.data(), target_kind, horizon_us, target_data, end_data);
  }
  return py::make_tuple(target, end);
}

void GatherWindows(const Array<float>& features, const Array<std::int64_t>& rows, Array<float>& out,
                   int threads) {
  Require(features.ndim() == 2, "features must have shape [rows, columns]");
  RequireShape(rows, {-1}, "rows");
  Require(out.ndim() == 3 && out.shape(0) == rows.shape(0) && out.shape(1) >= 1 &&
              out.shape(2) == features.shape(1),
          "out must have shape [rows, window_rows, columns]");
  const lobdesk::FeatureMatrix matrix{features.data(), features.shape(0), features.shape(1)};
  const py::ssize_t window_rows = out.shape(1);
  float* data = out.mutable_data();
  const py::gil_scoped_release release;
  lobdesk::GatherWindows(matrix, rows.data(), rows.shape(0), window_rows, threads, data);
}

}  // namespace

void BindWindows(py::module_& m) {
  m.def("compute_features", &ComputeFeatures, "bid_px"_a.noconvert(), "bid_qty"_a.noconvert(),
        "ask_px"_a.noconvert(), "ask_qty"_a.noconvert(), py::kw_only(), "feature_sets"_a,
        "vwm_levels"_a, "Features before normalization and volume-weighted mid of each row.");
  m.def("volume_weighted_mid", &VolumeWeightedMid, "bid_px"_a.noconvert(), "bid_qty"_a.noconvert(),
        "ask_px"_a.noconvert(), "ask_qty"_a.noconvert(), py::kw_only(), "levels"_a,
        "Volume-weighted mid of each row.");
  m.def("rolling_normalize", &RollingNormalize, "x"_a.noconvert(), "segment"_a.noconvert(),
        py::kw_only(), "window_rows"_a, "min_rows"_a,
        "Z-scores over the rows before each row of its segment.");
  m.def("build_feature_rows", &BuildFeatureRows, py::kw_only(), "bid_ticks"_a.noconvert(),
        "bid_lots"_a.noconvert(), "ask_ticks"_a.noconvert(), "ask_lots"_a.noconvert(),
        "price_precision"_a.noconvert(), "qty_precision"_a.noconvert(), "exch_ts_us"_a.noconvert(),
        "segment"_a.noconvert(), "features"_a.noconvert(), "ready"_a.noconvert(),
        "vwm"_a.noconvert(), "feature_sets"_a, "vwm_levels"_a, "window_rows"_a, "min_rows"_a,
        "isa"_a = "best", "Features and normalization in one pass, into arrays of the caller.");
  m.def("row_targets", &RowTargets, "vwm"_a.noconvert(), "segment"_a.noconvert(), py::kw_only(),
        "kind"_a, "horizon_rows"_a, "Forward returns in bps and the last row each one uses.");
  m.def("time_targets", &TimeTargets, "vwm"_a.noconvert(), "segment"_a.noconvert(),
        "ts_us"_a.noconvert(), py::kw_only(), "kind"_a, "horizon_us"_a,
        "Forward returns in bps over a time and the last row each one uses.");
  m.def("gather_windows", &GatherWindows, "features"_a.noconvert(), "rows"_a.noconvert(),
        "out"_a.noconvert(), py::kw_only(), "threads"_a,
        "Copy the windows that end with the given rows into out.");
}
