// Changesets sees the packages named in `workspaces` and nothing else. The one that is published here is the root.
const manypkg = require('@manypkg/get-packages')

const { getPackages } = manypkg

manypkg.getPackages = async (folder) => {
  const found = await getPackages(folder)
  const others = found.packages.filter(({ dir }) => dir !== found.root.dir)
  return { ...found, packages: [found.root, ...others] }
}
