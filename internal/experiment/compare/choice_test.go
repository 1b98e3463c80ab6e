package compare

import (
	"strings"
	"testing"
)

// TestParseChoices: a list has names or beginnings of names, each with a number or the default. The
// choices are in the order of the list.
func TestParseChoices(t *testing.T) {
	for list, want := range map[string]string{
		"l4adam":                      "L4Adam 0.15",
		"adam:2e-4, l4mom:0.25,adam":  "Adam 0.0002; L4Mom 0.25; Adam 0.001",
		"dog,adam-c":                  "DoG; Adam, clipped 0.01",
		"momentum-:0.3":               "Momentum, drops 0.3; Momentum, clipped 0.3",
		"l4-sgd:4.75,l4adam-time:3":   "L4 over gradient descent, c = 4.75; L4Adam, τm 3",
		"gorgonia":                    "Gorgonia's Adam 0.001",
		"schedule,l4mom-plain,l4adam": "Schedule-Free AdamW; L4Mom, no bound 0.15; L4Adam 0.15",
	} {
		choices, err := ParseChoices(Solvers, list)
		var titles []string
		for _, c := range choices {
			titles = append(titles, c.String())
		}
		if got := strings.Join(titles, "; "); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", list, got, err, want)
		}
		if again, err := ParseChoices(Solvers, choices.String()); err != nil ||
			again.String() != choices.String() {
			t.Errorf("%s: written as %v, and read as %v, %v", list, choices, again, err)
		}
	}
	for list, want := range map[string]string{
		"":                   `unknown solver "": choose from l4adam, l4mom,`,
		"l4adam,":            `unknown solver ""`,
		"adamw":              `unknown solver "adamw"`,
		"adam:x":             `adam: invalid learning rate "x": want a number between 0 and 1e6`,
		"l4mom:-1":           `l4mom: invalid fraction "-1"`,
		"adam:0":             `invalid learning rate "0"`,
		"adam:1e6":           `invalid learning rate "1e6"`,
		"adam:NaN":           `invalid learning rate "NaN"`,
		"dog:3":              "dog:3: the solver dog does not take a number: name it dog",
		"l4adam,l4adam:0.15": "L4Adam 0.15 is in the list twice",
	} {
		choices, err := ParseChoices(Solvers, list)
		if err == nil || !strings.Contains(err.Error(), want) || choices != nil {
			t.Errorf("%q: %v, error %v, want %s", list, choices, err, want)
		}
	}
}

// TestShort: the short title leaves out a fraction that is the default, but not other numbers.
func TestShort(t *testing.T) {
	for text, want := range map[string]string{
		"l4adam": "L4Adam", "l4adam:0.25": "L4Adam 0.25", "adam": "Adam 0.001", "dog": "DoG",
		"l4adam-time:10": "L4Adam, τm 10",
	} {
		if got := choice(text).Short(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestChoose: exact names win over beginnings of names, and the result is in the order of all.
func TestChoose(t *testing.T) {
	all := strings.Fields("batch-1 batch-16 batch-128 deep deep-tanh floor")
	self := func(s string) string { return s }
	for list, want := range map[string]string{
		"batch-1":           "batch-1",
		"batch-":            "batch-1 batch-16 batch-128",
		"floor,batch-12,de": "batch-128 deep deep-tanh floor",
		" floor, deep ":     "deep floor",
	} {
		some, err := Choose("task", all, strings.Split(list, ","), self)
		if got := strings.Join(some, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", list, got, err, want)
		}
	}
	if some, err := Choose("task", all, nil, self); err != nil || len(some) != len(all) {
		t.Errorf("without words: %v, %v", some, err)
	}
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"deep", "x"}, `unknown task "x": choose from batch-1, batch-16,`},
		{[]string{"deep", ""}, `unknown task "": choose from batch-1,`},
		{[]string{}, `unknown task "": choose from batch-1,`},
		{[]string{"floor", "floor"}, "floor is in the list twice: name it once"},
		{[]string{"deep", "d"}, "deep is in the list twice"},
	} {
		some, err := Choose("task", all, c.words, self)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || some != nil {
			t.Errorf("%q: %v, error %v, want %s", c.words, some, err, c.want)
		}
	}
}
