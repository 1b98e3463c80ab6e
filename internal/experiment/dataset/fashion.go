package dataset

// FashionMNIST reads the pictures of clothes from a folder with the original four files, which have
// the names and the form of MNIST's, compressed or not.
func FashionMNIST(folder string) (train, test *Images, err error) {
	return loadFolder(folder, 10)
}
