"""The commands of calicoctl, one module each. They take parsed arguments, and print answers and complaints."""
