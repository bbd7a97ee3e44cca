"""The installed tree, moved: find_package(Trine) builds docs/examples/embed.c, which
runs a package, and the tools run from their new place.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

import numpy as np
import trine

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROJECT = f"""
cmake_minimum_required(VERSION 3.25)
project(embed C)
find_package(Trine REQUIRED)
add_executable(embed {ROOT}/docs/examples/embed.c)
target_link_libraries(embed PRIVATE Trine::runtime)
"""
IDS = [5, 6, 7]


def run(*command) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    if done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}")
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        run("cmake", "--install", ROOT / "build", "--prefix", folder / "first")
        cls.tree = shutil.move(folder / "first", folder / "moved")
        cls.folder, cls.package = folder, folder / "bert.trine"
        compiler = cls.tree / "bin" / "trine-compile"
        run(compiler, ROOT / "test" / "data" / "tiny-bert", "-o", cls.package)

    def test_tools(self) -> None:
        self.assertIn(
            "passed", run(self.tree / "bin" / "trine-run", self.package, "--self-test")
        )

    def test_find_package(self) -> None:
        source, build = self.folder / "source", self.folder / "build"
        source.mkdir()
        (source / "CMakeLists.txt").write_text(PROJECT)
        prefix = f"-DCMAKE_PREFIX_PATH={self.tree}"
        # The compiler Trine is built with: the package asks for no other.
        compiler = "-DCMAKE_C_COMPILER=clang-22"
        run("cmake", "-G", "Ninja", "-S", source, "-B", build, prefix, compiler)
        run("cmake", "--build", build)
        embed = build / "embed"
        self.assertIn(str(self.tree), run("ldd", embed))
        printed = np.array(run(embed, self.package, *IDS).split(), np.float32)
        model = trine.load(self.package, threads=2)
        inputs = {"tokens": [IDS], "mask": [[1] * len(IDS)]}
        want = model.run("embed", **inputs)["embedding"][0]
        np.testing.assert_allclose(printed, want, rtol=1e-5, atol=1e-6)


if __name__ == "__main__":
    unittest.main()
