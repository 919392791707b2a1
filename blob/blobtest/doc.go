// Package blobtest tests drivers of object stores: Run is what each must pass. Faulty lends a store
// faults, for the tests of those who use one; Memory is the model.
package blobtest
