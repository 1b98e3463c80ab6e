package compare

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cells has a column of each kind.
type cells struct {
	text                 string
	any, float, optional float64
	count                int
	seed                 uint64
	flag                 bool
	time                 time.Duration
}

var cellFields Fields[cells] = func(r *Row, c *cells) {
	r.Text("text", &c.text)
	r.Any("any", &c.any)
	r.Float("float", &c.float, -1, 1)
	r.Optional("optional", &c.optional, 0, 1)
	r.Count("count", &c.count, 2)
	r.Seed("seed", &c.seed)
	r.Flag("flag", &c.flag)
	r.Seconds("seconds", &c.time, 2)
}

const cellHeader = "text,any,float,optional,count,seed,flag,seconds\n"

// TestFields: one list of columns both writes and reads.
func TestFields(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cells.csv")
	want := []cells{
		{"a, \"b\"\nc", math.Inf(-1), 1, math.NaN(), 2, math.MaxUint64, true, 5 * time.Second / 4},
		{"", math.NaN(), -0.1, 0.3, MaxCount, 0, false, 0},
	}
	if err := cellFields.Write(path, want); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := cellHeader + "\"a, \"\"b\"\"\nc\",-Inf,1,,2,18446744073709551615,true,1.25\n" +
		",NaN,-0.1,0.3,1000000000,0,false,0.00\n"
	if string(data) != text {
		t.Errorf("wrote %s, want %s", data, text)
	}
	got, err := cellFields.Read(bytes.NewReader(data))
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %v, %v, want %v", got, err, want)
	}
}

// TestFieldsReject: errors name the line and the column.
func TestFieldsReject(t *testing.T) {
	good := strings.Split("t,1,0.5,0.5,3,1,true,1", ",")
	for change, want := range map[string]string{
		"1=x":     "any: strconv",
		"2=NaN":   `float: "NaN": want a number from -1 to 1`,
		"2=1.5":   `float: "1.5": want`,
		"3=-0.1":  "optional: ",
		"4=1":     `count: "1": want an integer from 2 to 1000000000`,
		"4=2.5":   "count: ",
		"4=1e10":  "count: ",
		"5=-1":    "seed: ",
		"6=maybe": "flag: ",
		"7=-1":    "seconds: ",
		"7=1e300": "seconds: ",
	} {
		row := append([]string(nil), good...)
		row[change[0]-'0'] = change[2:]
		text := cellHeader + strings.Join(good, ",") + "\n" + strings.Join(row, ",") + "\n"
		_, err := cellFields.Read(strings.NewReader(text))
		if err == nil || !strings.HasPrefix(err.Error(), "line 3: "+want) {
			t.Errorf("%s: error %v, want %s", change, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                   `the header is "", want "text,any,float`,
		"a,b\n1,2\n":         `the header is "a,b", want`,
		cellHeader + "1,2\n": "wrong number of fields",
		cellHeader + "\"\n":  "extraneous",
	} {
		if _, err := cellFields.Read(strings.NewReader(text)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
	if xs, err := cellFields.Read(strings.NewReader(cellHeader)); err != nil || len(xs) != 0 {
		t.Errorf("no rows: %v, %v", xs, err)
	}
}

// TestStore: a store appends results and finds them again. It removes a line that a crash
// truncated.
func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.csv")
	for n := range 4 {
		earlier, store, err := cellFields.Open(path)
		if err != nil || len(earlier) != n {
			t.Fatalf("%d results, want %d; %v", len(earlier), n, err)
		}
		for i, c := range earlier {
			if c.count != i+2 {
				t.Errorf("result %d is %v", i, c)
			}
		}
		for _, count := range []int{n + 2, 99} {
			if err := store.Add(cells{count: count}); err != nil {
				t.Fatal(err)
			}
		}
		store.Close()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data[:len(data)-2], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	earlier, store, err := cellFields.Open("")
	if err != nil || earlier != nil || store.Add(cells{}) != nil {
		t.Errorf("no file: %v, %v", earlier, err)
	}
	store.Close()
}

// TestStoreOfOthers: a file of another kind is an error, and does not change.
func TestStoreOfOthers(t *testing.T) {
	for _, content := range []string{"a,b\n1,2\n", cellHeader + "1,2\n", "\"\n"} {
		path := filepath.Join(t.TempDir(), "store.csv")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err := cellFields.Open(path)
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: error %v", content, err)
		}
		if data, _ := os.ReadFile(path); string(data) != content {
			t.Errorf("%q has changed to %q", content, data)
		}
	}
}
