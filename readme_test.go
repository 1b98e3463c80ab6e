package l4_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestREADME: the program in the README is the package's Example, which go test runs.
func TestREADME(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	want := strings.NewReplacer("package l4_test", "package main", "func Example()", "func main()").
		Replace(read("example_line_test.go"))
	want = regexp.MustCompile(`(?m)^[ \t]*//.*\n`).ReplaceAllString(want, "")

	_, got, _ := strings.Cut(read("README.md"), "```go\n")
	got, _, _ = strings.Cut(got, "```")
	if got != want {
		t.Errorf("the program in the README is\n%s\nwant, from the example,\n%s", got, want)
	}
}
