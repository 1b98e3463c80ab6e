package dataset

import "github.com/pkg/errors"

// Debian's package of Fashion-MNIST, and where it puts the four files.
const (
	fashionPackage = "dataset-fashion-mnist"
	fashionFolder  = "/usr/share/datasets/fashion-mnist"
)

// FashionMNIST reads the pictures of clothes from a folder with the original four files, which have
// the names and the form of MNIST's, compressed or not. An empty folder name stands for that of
// Debian's package.
func FashionMNIST(folder string) (train, test *Images, err error) {
	if folder == "" {
		if folder = fashionFolder; !isFolder(folder) {
			return nil, nil, errors.Errorf("dataset: Fashion-MNIST not found: install Debian's "+
				"package %s, or name a folder that holds its four files", fashionPackage)
		}
	}
	return loadFolder(folder, 10)
}
