package dataset

// The checksums are of the files whose MD5 sums are equal to the sums that the authors publish:
// https://github.com/zalandoresearch/fashion-mnist and https://www.cs.toronto.edu/~kriz/cifar.html.

const fashionAddress = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

// FashionMNISTSource is the source of the files for FashionMNIST.
var FashionMNISTSource = Source{
	Name:      "Fashion-MNIST",
	Package:   "dataset-fashion-mnist",
	Installed: "/usr/share/datasets/fashion-mnist",
	Files: []File{{
		URL:    fashionAddress + "train-images-idx3-ubyte.gz",
		Size:   26_421_880,
		SHA256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
	}, {
		URL:    fashionAddress + "train-labels-idx1-ubyte.gz",
		Size:   29_515,
		SHA256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
	}, {
		URL:    fashionAddress + "t10k-images-idx3-ubyte.gz",
		Size:   4_422_102,
		SHA256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
	}, {
		URL:    fashionAddress + "t10k-labels-idx1-ubyte.gz",
		Size:   5_148,
		SHA256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
	}},
}

// CIFAR10Source is the source of the files for CIFAR10.
var CIFAR10Source = Source{
	Name: "CIFAR-10",
	Files: []File{{
		URL:    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
		Size:   170_052_171,
		SHA256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
	}},
	Members: &Members{Names: cifarFiles, Size: cifarImages * cifarRecord},
}
