package dataset

// FashionMNIST reads Fashion-MNIST, pictures of clothes, from a folder with its four original
// files, compressed or not. The files have the names and the format of MNIST's files.
func FashionMNIST(folder string) (train, test *Images, err error) {
	return loadFolder(folder, 10)
}
