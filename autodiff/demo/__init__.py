"""The blog that `autodiff demo` and `autodiff init --example` create."""
