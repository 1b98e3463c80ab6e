// Package mpi runs package dist over any MPI library, such as Open MPI and MPICH. It is built with
// the library's compiler wrapper and the tag mpi:
//
//	CC=mpicc go build -tags mpi ./program
//	mpirun -np 4 --bind-to none ./program
//
// Without the tag it needs no C: Init returns a world of one rank, and an error under mpirun.
package mpi
