// Package mpi connects the ranks of package dist by any MPI library, such as Open MPI or MPICH.
// Build the program with the compiler wrapper of the library and with the build tag mpi, and start
// it with the launcher of the library:
//
//	CC=mpicc go build -tags mpi ./program
//	mpirun -np 4 --bind-to none ./program
//
// Without the tag the package does not need C. Init then returns a World of one rank, so that the
// same program also runs in a single process. docs/mpi.md is a guide with a complete program.
package mpi
