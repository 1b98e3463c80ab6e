package l4

// schedule returns the value of a hyperparameter in a step, or an error if the value is out of
// range. The first step is 1.
type schedule func(step int) (float64, error)

// constant returns a schedule whose value is always x.
func constant(x float64) schedule { return func(int) (float64, error) { return x, nil } }
