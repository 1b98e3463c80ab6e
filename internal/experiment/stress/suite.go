package stress

import "slices"

// usual is the net of most tasks. It has 15,000 parameters.
var usual = architecture{hidden: []int{64, 32}}

// Suite returns all tasks of the suite.
func Suite(d *Data) []Task {
	var tasks []Task
	for _, c := range imageTasks {
		tasks = append(tasks, c.task(d))
	}
	for _, c := range regressionTasks {
		tasks = append(tasks, c.task(otherLoss))
	}
	return append(tasks, floorTask("floor", 50, 10_000, 1), rosenbrockTask(10_000))
}

// Quick are the names of the most informative tasks, which take a few minutes.
var Quick = []string{"fashion-0", "fashion-20", "mnist-40", "batch-4", "deep", "scale-large",
	"few", "rnn", "regression-normal", "floor", "zero-200", "change"}

// IsQuick reports whether the name of a task is in Quick.
func IsQuick(t Task) bool { return slices.Contains(Quick, t.Name) }

var imageTasks = []imageTask{
	{name: "fashion-0", kind: wrongLabels, steps: 2000, architecture: usual, batch: 64},
	{name: "fashion-5", kind: wrongLabels, steps: 2000, architecture: usual, batch: 64, wrong: 5},
	{name: "fashion-20", kind: wrongLabels, steps: 2000, architecture: usual, batch: 64, wrong: 20},
	{name: "fashion-40", kind: wrongLabels, steps: 2000, architecture: usual, batch: 64, wrong: 40},
	{name: "mnist-0", kind: wrongLabels, steps: 2000, architecture: usual, batch: 64, digits: true},
	{name: "mnist-5", kind: wrongLabels, steps: 4000, architecture: usual, batch: 16, digits: true,
		wrong: 5},
	{name: "mnist-20", kind: wrongLabels, steps: 4000, architecture: usual, batch: 16, digits: true,
		wrong: 20},
	{name: "mnist-40", kind: wrongLabels, steps: 2000, architecture: usual, batch: 64, digits: true,
		wrong: 40},

	{name: "batch-1", kind: batchSize, steps: 12000, architecture: usual, batch: 1},
	{name: "batch-4", kind: batchSize, steps: 8000, architecture: usual, batch: 4, wrong: 20},
	{name: "batch-8", kind: batchSize, steps: 6000, architecture: usual, batch: 8, wrong: 5},
	{name: "batch-16", kind: batchSize, steps: 4000, architecture: usual, batch: 16, wrong: 20},
	{name: "batch-128", kind: batchSize, steps: 1000, architecture: usual, batch: 128, wrong: 20},

	{name: "linear", kind: form, steps: 4000, batch: 16, wrong: 20},
	{name: "deep", kind: form, steps: 2500, batch: 32, wrong: 5,
		architecture: architecture{hidden: []int{32, 32, 32, 32, 32, 32, 32, 32}}},
	{name: "tanh", kind: form, steps: 3000, batch: 16, wrong: 20,
		architecture: architecture{hidden: []int{64, 32}, tanh: true}},
	{name: "deep-tanh", kind: form, steps: 2000, batch: 32, wrong: 20,
		architecture: architecture{hidden: []int{32, 32, 32, 32, 32}, tanh: true}},
	{name: "batch-norm", kind: form, steps: 2000, batch: 32, wrong: 20,
		architecture: architecture{hidden: []int{64, 32}, norm: true}},
	{name: "rnn", kind: form, steps: 2000, batch: 16, wrong: 5,
		architecture: architecture{hidden: []int{32}, recurrent: true}},
	{name: "autoencoder", kind: form, steps: 2000, batch: 32, encoder: true,
		architecture: architecture{hidden: []int{48, 16, 48}}},

	{name: "scale-large", kind: start, steps: 2500, batch: 32, wrong: 20,
		architecture: architecture{hidden: []int{64, 32}, scale: 4}},
	{name: "scale-large-clean", kind: start, steps: 2500, batch: 32,
		architecture: architecture{hidden: []int{64, 32}, scale: 4}},
	{name: "scale-small", kind: start, steps: 2500, batch: 32, wrong: 20,
		architecture: architecture{hidden: []int{64, 32}, scale: 0.1}},

	{name: "few", kind: fewSamples, steps: 6000, architecture: usual, batch: 16, wrong: 20,
		images: 500},
	{name: "few-mnist", kind: fewSamples, steps: 4000, architecture: usual, batch: 16, wrong: 20,
		images: 500, digits: true},

	{name: "zero-30", kind: shocks, steps: 2000, architecture: usual, batch: 64, wrong: 20,
		note:        "all gradients 0 from step 300 to 329",
		disturbance: disturbance{zeroFrom: 300, zeroSteps: 30}},
	{name: "zero-200", kind: shocks, steps: 2000, architecture: usual, batch: 64, wrong: 20,
		note:        "all gradients 0 from step 300 to 499",
		disturbance: disturbance{zeroFrom: 300, zeroSteps: 200}},
	{name: "spikes-loss", kind: shocks, steps: 2000, architecture: usual, batch: 32, wrong: 20,
		note:        "loss times 100 every 97 steps",
		disturbance: disturbance{every: 97, lossBy: 100, gradBy: 1}},
	{name: "spikes-gradient", kind: shocks, steps: 2000, architecture: usual, batch: 32, wrong: 20,
		note:        "gradients times 100 every 97 steps",
		disturbance: disturbance{every: 97, lossBy: 1, gradBy: 100}},
	{name: "spikes", kind: shocks, steps: 2000, architecture: usual, batch: 32, wrong: 20,
		note:        "loss and gradients times 100 every 97 steps",
		disturbance: disturbance{every: 97, lossBy: 100, gradBy: 100}},
	{name: "change", kind: shocks, steps: 4000, architecture: usual, batch: 32, wrong: 20,
		note: "each class is labelled as the next class from step 2001 on", change: 2000},
}

var regressionNet = architecture{hidden: []int{32, 32}}

var regressionTasks = []regressionTask{
	{name: "regression-normal", title: "Regression with normal noise, squared error", steps: 8000,
		batch: 16, architecture: regressionNet, penalty: squared, noise: normalNoise},
	{name: "regression-student", title: "Regression with Student's noise, squared error",
		steps: 8000, batch: 16, architecture: regressionNet, penalty: squared, noise: studentNoise},
	{name: "regression-huber", title: "Regression with outliers, Huber's loss", steps: 8000,
		batch: 16, architecture: regressionNet, penalty: huber, noise: outliers},
	{name: "regression-l1", title: "Regression with outliers, absolute error", steps: 8000,
		batch: 16, architecture: regressionNet, penalty: absolute, noise: outliers},
	{name: "regression-clean", title: "Regression without noise, squared error", steps: 8000,
		batch: 16, architecture: regressionNet, penalty: squared, noise: noNoise},
}
