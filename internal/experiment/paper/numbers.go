// Package paper has the experiments of M. Rolinek and G. Martius, "L4: Practical loss-based
// stepsize adaptation for deep learning", NeurIPS 2018: the nets, the tasks, and the reference
// numbers.
package paper

import (
	"strings"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// The accuracies are from the paper. The paper shows losses only in figures, so the losses are from
// independent implementations in NumPy and PyTorch with the paper's settings. The paper's Adam has
// an epsilon of 1e-4.

// Setting is a solver with its number.
type Setting compare.Choice

// SettingOf returns the paper's setting for a solver. L4 with its bound and L4 without it, which is
// the paper's algorithm, have the same setting.
func SettingOf(c compare.Choice) Setting {
	c.Name = strings.TrimSuffix(c.Name, "-plain")
	return Setting(c)
}

// Table2 has the numbers of the experiment of section 3.2 (Fig. 3, Table 2): a perceptron of
// 784-300-100-10, batches of 64.
var Table2 = map[Setting]struct {
	Accuracy map[int]MeanStd // on the test set in percent after a number of epochs, over 5 starts
	Loss     map[int]float64 // mean training loss of the epoch, float32
}{
	{"adam", 1e-3}: {
		map[int]MeanStd{1: {95.7, 0.3}, 10: {97.9, 0.3}, 30: {98.0, 0.4}},
		map[int]float64{1: 0.35, 10: 1.4e-2, 20: 9e-3, 30: 6e-3}},
	{"momentum", 0.05}: {
		map[int]MeanStd{1: {96.4, 0.5}, 10: {98.0, 0.1}, 30: {98.5, 0.1}},
		map[int]float64{1: 0.27, 10: 1.3e-2, 20: 6e-3, 30: 1e-3}},
	{"l4adam", 0.15}: {
		map[int]MeanStd{1: {95.9, 0.7}, 10: {98.4, 0.1}, 30: {98.4, 0.1}},
		map[int]float64{1: 0.27, 10: 1e-3, 20: 6e-6, 30: 3e-8}},
	{"l4adam", 0.25}: {
		map[int]MeanStd{1: {96.8, 0.2}, 10: {98.3, 0.0}, 30: {98.3, 0.1}},
		map[int]float64{1: 0.27, 10: 1e-3, 20: 3e-7, 30: 3e-11}},
	{"l4mom", 0.15}: {
		map[int]MeanStd{1: {95.4, 0.5}, 10: {98.3, 0.1}, 30: {98.4, 0.1}},
		map[int]float64{1: 0.29, 10: 2.6e-3, 20: 1e-4, 30: 5e-6}},
	{"l4mom", 0.25}: {
		map[int]MeanStd{1: {96.3, 0.4}, 10: {98.3, 0.1}, 30: {98.4, 0.1}},
		map[int]float64{1: 0.30, 10: 2.7e-3, 20: 9e-6, 30: 5e-8}},
}

// MeanStd is a mean with the standard deviation around it.
type MeanStd struct{ Mean, Std float64 }

// Notebook and LogSpaced are the names of the matrices of the regression. The paper's public
// notebook asks for a condition number of 1e10, but its matrix has a far smaller one. The
// log-spaced matrix has a condition number of 1e10.
const (
	Notebook  = "notebook"
	LogSpaced = "log-spaced"
)

// Figure2 has the numbers of the experiment of section 3.1 (Fig. 2): the loss after a number of
// steps, over 5 starts, float64.
var Figure2 = map[string]map[Setting]map[int]Spread{
	Notebook: {
		{"l4adam", 0.15}: {10_000: {Middle: 2e-3}, 30_000: {6e-18, 6e-14, 6e-12}},
		{"l4adam", 0.25}: {30_000: {8e-20, 2e-19, 1e-18}},
		{"l4mom", 0.15}:  {10_000: {Middle: 1e-13}, 30_000: {1e-16, 3e-16, 2e-15}},
		{"l4mom", 0.25}:  {30_000: {2e-17, 6e-17, 9e-17}},
		{"adam", 1e-3}:   {10_000: {Middle: 39}, 30_000: {7e-5, 6e-4, 2e-3}},
		{"sgd", 4e-5}:    {10_000: {Middle: 5e-3}, 30_000: {4e-22, 4e-11, 2e-2}},
	},
	LogSpaced: {
		{"l4adam", 0.15}: {30_000: {Middle: 2e-2}},
		{"l4mom", 0.15}:  {30_000: {Middle: 5e-3}},
		{"adam", 1e-3}:   {30_000: {Middle: 2e-2}},
		{"sgd", 4e-5}:    {30_000: {Middle: 1e-2}},
	},
}

// Spread is the smallest, the geometric mean and the largest of several numbers. If only the mean
// is known, the other two are 0.
type Spread struct{ Min, Middle, Max float64 }
